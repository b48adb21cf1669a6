/** Sending, catching and blocking signals, signal(7). */
import { Register, type Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { readWord, writeWord } from '../abi/word.js';
import {
  MINSIGSTKSZ,
  SIGNAL_COUNT,
  SIG_BLOCK,
  SIG_SETMASK,
  SIG_UNBLOCK,
  SS_AUTODISARM,
  SS_DISABLE,
  SS_ONSTACK,
  SiCode,
  Signo,
} from '../abi/signal.js';
import {
  NO_ALTERNATE_STACK,
  RETURN_FRAME_SIZE,
  alternateStackFlags,
  isOnAlternateStack,
  restoreRegisters,
  sanitizeExtendedState,
} from '../signal/signal-frame.js';
import { SignalSet } from '../signal/signal-set.js';
import type { SignalInfo } from '../signal/signal-info.js';
import type { Process } from '../task/process.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';
import { SIGSET_SIZE, readSet, writeSet } from './signal-set-argument.js';

const SIGACTION_SIZE = 32;
const STACK_SIZE = 24;
const POINTER_SIZE = 8;

function isSignal(signo: number): boolean {
  return signo >= 1 && signo <= SIGNAL_COUNT;
}

function sysSigaction(task: Task, args: Registers): number {
  const signo = args.argumentInt(0);
  const [from, to] = [args.argument(1), args.argument(2)];
  if (args.argument(3) !== SIGSET_SIZE || !isSignal(signo)) return -Errno.EINVAL;
  if (from !== 0 && (signo === Signo.SIGKILL || signo === Signo.SIGSTOP)) return -Errno.EINVAL;
  const { actions } = task.process;
  const old = actions.get(signo);
  if (from !== 0) {
    const bytes = Buffer.alloc(SIGACTION_SIZE);
    if (!task.mm.read(from, bytes)) return -Errno.EFAULT;
    const handler = readWord(bytes, 0);
    actions.set(signo, {
      handler,
      flags: bytes.readUInt32LE(8),
      restorer: readWord(bytes, 16),
      mask: SignalSet.decode(bytes, 24),
    });
    if (actions.ignores(signo)) discardPending(task.process, signo);
  }
  if (to === 0) return 0;
  const bytes = Buffer.alloc(SIGACTION_SIZE);
  writeWord(bytes, 0, old.handler);
  bytes.writeUInt32LE(old.flags >>> 0, 8);
  writeWord(bytes, 16, old.restorer);
  old.mask.encode(bytes, 24);
  return task.mm.write(to, bytes);
}

function discardPending(process: Process, signo: number): void {
  process.pending.discard(signo);
  for (const task of process.tasks) task.pending.discard(signo);
}

function sysSigprocmask(task: Task, args: Registers): number {
  const [from, to] = [args.argument(1), args.argument(2)];
  if (args.argument(3) !== SIGSET_SIZE) return -Errno.EINVAL;
  const old = task.blocked;
  if (from !== 0) {
    const set = readSet(task, from);
    if (set === undefined) return -Errno.EFAULT;
    switch (args.argumentInt(0)) {
      case SIG_BLOCK:
        task.setBlocked(old.union(set));
        break;
      case SIG_UNBLOCK:
        task.setBlocked(old.without(set));
        break;
      case SIG_SETMASK:
        task.setBlocked(set);
        break;
      default:
        return -Errno.EINVAL;
    }
  }
  return to === 0 ? 0 : writeSet(task, to, old);
}

function sysSigpending(task: Task, args: Registers): number {
  if (args.argument(1) > SIGSET_SIZE) return -Errno.EINVAL;
  const pending = task.pending.set.union(task.process.pending.set);
  const set = new SignalSet(pending.low & task.blocked.low, pending.high & task.blocked.high);
  return writeSet(task, args.argument(0), set);
}

function userInfo(task: Task, signo: number, code: number): SignalInfo {
  return { signo, code, pid: task.pid, uid: task.credentials.uid };
}

/** kill(2): a process, a process group, or every process but the caller. */
function sysKill(task: Task, args: Registers): number {
  const [pid, signo] = [args.argumentInt(0), args.argumentInt(1)];
  const targets = killTargets(task, pid);
  if (targets.length === 0) return -Errno.ESRCH;
  if (signo !== 0 && !isSignal(signo)) return -Errno.EINVAL;
  if (signo !== 0) {
    for (const target of targets) target.sendSignal(signo, userInfo(task, signo, SiCode.SI_USER));
  }
  return 0;
}

function killTargets(task: Task, pid: number): Process[] {
  const all = [...task.kernel.processes.values()];
  if (pid > 0) return all.filter((process) => process.pid === pid);
  if (pid === -1) return all.filter((process) => process !== task.process);
  const group = pid === 0 ? task.process.processGroup : -pid;
  return all.filter((process) => process.processGroup === group);
}

function sendToThread(task: Task, pid: number, tid: number, signo: number): number {
  if (tid <= 0 || pid <= 0) return -Errno.EINVAL;
  for (const process of task.kernel.processes.values()) {
    for (const target of process.tasks) {
      if (target.tid !== tid || (pid !== ANY_PROCESS && process.pid !== pid)) continue;
      if (signo === 0) return 0;
      if (!isSignal(signo)) return -Errno.EINVAL;
      target.sendSignal(signo, userInfo(task, signo, SiCode.SI_TKILL));
      return 0;
    }
  }
  return -Errno.ESRCH;
}

const ANY_PROCESS = Infinity;

function sysTgkill(task: Task, args: Registers): number {
  return sendToThread(task, args.argumentInt(0), args.argumentInt(1), args.argumentInt(2));
}

function sysTkill(task: Task, args: Registers): number {
  return sendToThread(task, ANY_PROCESS, args.argumentInt(0), args.argumentInt(1));
}

function sysSigaltstack(task: Task, args: Registers): number {
  const [from, to] = [args.argument(0), args.argument(1)];
  const stackPointer = task.registers.getNumber(Register.Rsp);
  const old = task.alternateStack;
  const bytes = Buffer.alloc(STACK_SIZE);
  const wanted = from === 0 ? undefined : task.mm.read(from, bytes);
  if (wanted === false) return -Errno.EFAULT;
  if (wanted === true) {
    const problem = setAlternateStack(task, bytes, stackPointer);
    if (problem !== 0) return problem;
  }
  if (to === 0) return 0;
  const answer = Buffer.alloc(STACK_SIZE);
  writeWord(answer, 0, old.address);
  answer.writeUInt32LE(alternateStackFlags(old, stackPointer) >>> 0, 8);
  writeWord(answer, 16, old.size);
  return task.mm.write(to, answer);
}

function setAlternateStack(task: Task, bytes: Buffer, stackPointer: number): number {
  if (isOnAlternateStack(task.alternateStack, stackPointer)) return -Errno.EPERM;
  const flags = bytes.readUInt32LE(8);
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== 0 && mode !== SS_DISABLE && mode !== SS_ONSTACK) return -Errno.EINVAL;
  if (mode === SS_DISABLE) {
    task.alternateStack = NO_ALTERNATE_STACK;
    return 0;
  }
  const size = readWord(bytes, 16);
  if (size < MINSIGSTKSZ) return -Errno.ENOMEM;
  task.alternateStack = { address: readWord(bytes, 0), size, flags: flags & SS_AUTODISARM };
  return 0;
}

/** The handler has returned through its restorer: the frame lies below the stack pointer. */
function sysSigreturn(task: Task): number {
  const { registers, mm, context } = task;
  const address = registers.getNumber(Register.Rsp) - POINTER_SIZE;
  const bytes = Buffer.alloc(RETURN_FRAME_SIZE);
  const state = Buffer.from(context.getExtendedState());
  if (!mm.read(address, bytes)) return badFrame(task);
  const restored = restoreRegisters(registers, bytes);
  if (restored.stateAddress !== 0) {
    const current = new Uint8Array(state);
    if (!mm.read(restored.stateAddress, state)) return badFrame(task);
    sanitizeExtendedState(state, current);
    context.setExtendedState(state);
  }
  task.setBlocked(restored.mask);
  const { flags, size } = restored.stack;
  if (size >= MINSIGSTKSZ && (flags & SS_DISABLE) === 0) {
    task.alternateStack = { ...restored.stack, flags: flags & SS_AUTODISARM };
  }
  task.registersReplaced = true;
  return 0;
}

function badFrame(task: Task): number {
  task.forceSignal({ signo: Signo.SIGSEGV, code: SiCode.SI_KERNEL, address: 0n });
  task.registersReplaced = true;
  return 0;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 13,
    name: 'rt_sigaction',
    handler: sysSigaction,
    args: ['signal', 'sigaction', 'sigaction-out', 'size'],
    support: 'full',
  },
  {
    number: 14,
    name: 'rt_sigprocmask',
    handler: sysSigprocmask,
    args: ['sigmask-how', 'signal-set', 'signal-set-out', 'size'],
    support: 'full',
  },
  { number: 15, name: 'rt_sigreturn', handler: sysSigreturn, args: [], support: 'full' },
  { number: 62, name: 'kill', handler: sysKill, args: ['int', 'signal'], support: 'full' },
  {
    number: 127,
    name: 'rt_sigpending',
    handler: sysSigpending,
    args: ['signal-set-out', 'size'],
    support: 'full',
  },
  {
    number: 131,
    name: 'sigaltstack',
    handler: sysSigaltstack,
    args: ['pointer', 'pointer'],
    support: 'full',
  },
  { number: 200, name: 'tkill', handler: sysTkill, args: ['int', 'signal'], support: 'full' },
  {
    number: 234,
    name: 'tgkill',
    handler: sysTgkill,
    args: ['int', 'int', 'signal'],
    support: 'full',
  },
];

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
import { processOfFile } from '../fs/event/pid-file.js';
import {
  type AlternateStack,
  RETURN_FRAME_SIZE,
  alternateStackFlags,
  isOnAlternateStack,
  restoreRegisters,
  sanitizeExtendedState,
} from '../signal/signal-frame.js';
import { SignalSet } from '../signal/signal-set.js';
import { SIGINFO_SIZE, type SignalInfo } from '../signal/signal-info.js';
import { maySignal } from '../task/credentials.js';
import { membersOf } from '../task/process-group.js';
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
  const allowed = targets.filter((target) => mayKill(task, target, signo));
  if (allowed.length === 0) return -Errno.EPERM;
  if (signo !== 0) {
    for (const target of allowed) target.sendSignal(signo, userInfo(task, signo, SiCode.SI_USER));
  }
  return 0;
}

function killTargets(task: Task, pid: number): Process[] {
  const { kernel, process } = task;
  if (pid > 0) {
    const target = kernel.processes.get(pid) ?? kernel.tasks.get(pid)?.process;
    return target === undefined ? [] : [target];
  }
  if (pid === -1) return [...kernel.processes.values()].filter((other) => other !== process);
  return membersOf(kernel, pid === 0 ? process.processGroup : -pid);
}

/** SIGCONT may be sent to anybody in the session. */
function mayKill(task: Task, target: Process, signo: number): boolean {
  const thread = target.leader;
  if (thread === undefined || target === task.process) return true;
  const isInSession = signo === Signo.SIGCONT && target.session === task.process.session;
  return isInSession || maySignal(task, thread);
}

function sendToThread(
  task: Task,
  pid: number,
  tid: number,
  signo: number,
  info: SignalInfo,
): number {
  if (tid <= 0 || pid <= 0) return -Errno.EINVAL;
  const target = task.kernel.tasks.get(tid);
  if (target === undefined) return -Errno.ESRCH;
  if (pid !== ANY_PROCESS && target.process.pid !== pid) return -Errno.ESRCH;
  if (signo !== 0 && !isSignal(signo)) return -Errno.EINVAL;
  if (!mayKill(task, target.process, signo)) return -Errno.EPERM;
  if (signo === 0 || target.isEnding) return 0;
  return target.sendSignal(signo, info) ? 0 : -Errno.EAGAIN;
}

const ANY_PROCESS = Infinity;

function sysTgkill(task: Task, args: Registers): number {
  const signo = args.argumentInt(2);
  const info = userInfo(task, signo, SiCode.SI_TKILL);
  return sendToThread(task, args.argumentInt(0), args.argumentInt(1), signo, info);
}

function sysTkill(task: Task, args: Registers): number {
  const signo = args.argumentInt(1);
  const info = userInfo(task, signo, SiCode.SI_TKILL);
  return sendToThread(task, ANY_PROCESS, args.argumentInt(0), signo, info);
}

/** What a sender may claim a signal to be: nothing that only the kernel says, but to itself. */
function readQueuedInfo(task: Task, address: number, as?: number): SignalInfo | number {
  const bytes = Buffer.alloc(SIGINFO_SIZE);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  return {
    signo: as ?? bytes.readInt32LE(0),
    errno: bytes.readInt32LE(4),
    code: bytes.readInt32LE(8),
    pid: bytes.readInt32LE(16),
    uid: bytes.readUInt32LE(20),
    value: bytes.readBigUInt64LE(24),
  };
}

function mayClaim(task: Task, id: number, code: number): boolean {
  return (code < 0 && code !== SiCode.SI_TKILL) || id === task.tid;
}

function sysSigqueueinfo(task: Task, args: Registers): number {
  const [pid, signo] = [args.argumentInt(0), args.argumentInt(1)];
  const info = readQueuedInfo(task, args.argument(2), signo);
  if (typeof info === 'number') return info;
  if (!mayClaim(task, pid, info.code)) return -Errno.EPERM;
  const { processes, tasks } = task.kernel;
  return queueTo(task, processes.get(pid) ?? tasks.get(pid)?.process, signo, info);
}

function queueTo(task: Task, target: Process | undefined, signo: number, info: SignalInfo): number {
  if (target === undefined) return -Errno.ESRCH;
  if (signo !== 0 && !isSignal(signo)) return -Errno.EINVAL;
  if (!mayKill(task, target, signo)) return -Errno.EPERM;
  return signo === 0 || target.sendSignal(signo, info) ? 0 : -Errno.EAGAIN;
}

function sysTgsigqueueinfo(task: Task, args: Registers): number {
  const [pid, tid, signo] = [args.argumentInt(0), args.argumentInt(1), args.argumentInt(2)];
  const info = readQueuedInfo(task, args.argument(3), signo);
  if (typeof info === 'number') return info;
  if (!mayClaim(task, tid, info.code)) return -Errno.EPERM;
  return sendToThread(task, pid, tid, signo, info);
}

function sysPidfdSendSignal(task: Task, args: Registers): number {
  const file = task.files.get(args.argumentInt(0));
  const [signo, infoAt] = [args.argumentInt(1), args.argument(2)];
  if (args.argumentUint(3) !== 0) return -Errno.EINVAL;
  const target = processOfFile(file);
  if (target === undefined) return -Errno.EBADF;
  if (task.kernel.processes.get(target.pid) !== target) return -Errno.ESRCH;
  if (infoAt === 0) return queueTo(task, target, signo, userInfo(task, signo, SiCode.SI_USER));
  const info = readQueuedInfo(task, infoAt);
  if (typeof info === 'number') return info;
  if (info.signo !== signo) return -Errno.EINVAL;
  if (!mayClaim(task, target.pid, info.code)) return -Errno.EPERM;
  return queueTo(task, target, signo, info);
}

function sysSigaltstack(task: Task, args: Registers): number {
  const [from, to] = [args.argument(0), args.argument(1)];
  const stackPointer = task.registers.getNumber(Register.Rsp);
  const old = task.alternateStack;
  const bytes = Buffer.alloc(STACK_SIZE);
  const wanted = from === 0 ? undefined : task.mm.read(from, bytes);
  if (wanted === false) return -Errno.EFAULT;
  if (wanted === true) {
    const [address, flags, size] = [readWord(bytes, 0), bytes.readUInt32LE(8), readWord(bytes, 16)];
    const problem = setAlternateStack(task, { address, flags, size }, stackPointer);
    if (problem !== 0) return problem;
  }
  if (to === 0) return 0;
  const answer = Buffer.alloc(STACK_SIZE);
  writeWord(answer, 0, old.address);
  answer.writeUInt32LE(alternateStackFlags(old, stackPointer) >>> 0, 8);
  writeWord(answer, 16, old.size);
  return task.mm.write(to, answer);
}

function setAlternateStack(task: Task, wanted: AlternateStack, stackPointer: number): number {
  if (isOnAlternateStack(task.alternateStack, stackPointer)) return -Errno.EPERM;
  const { address, size } = wanted;
  const flags = wanted.flags | 0;
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== 0 && mode !== SS_DISABLE && mode !== SS_ONSTACK) return -Errno.EINVAL;
  if (mode === SS_DISABLE) {
    task.alternateStack = { address: 0, size: 0, flags };
    return 0;
  }
  if (size < MINSIGSTKSZ) return -Errno.ENOMEM;
  task.alternateStack = { address, size, flags: flags & SS_AUTODISARM };
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
  task.resume = undefined;
  task.setBlocked(restored.mask);
  // As it was before, whatever the handler has set, if that may be.
  setAlternateStack(task, restored.stack, registers.getNumber(Register.Rsp));
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
  {
    number: 15,
    name: 'rt_sigreturn',
    handler: sysSigreturn,
    args: ['signal-frame'],
    support: 'full',
  },
  { number: 62, name: 'kill', handler: sysKill, args: ['int', 'signal'], support: 'full' },
  {
    number: 127,
    name: 'rt_sigpending',
    handler: sysSigpending,
    args: ['signal-set-out', 'size'],
    support: 'full',
  },
  {
    number: 129,
    name: 'rt_sigqueueinfo',
    handler: sysSigqueueinfo,
    args: ['int', 'signal', 'pointer'],
    support: 'full',
  },
  {
    number: 297,
    name: 'rt_tgsigqueueinfo',
    handler: sysTgsigqueueinfo,
    args: ['int', 'int', 'signal', 'pointer'],
    support: 'full',
  },
  {
    number: 424,
    name: 'pidfd_send_signal',
    handler: sysPidfdSendSignal,
    args: ['fd', 'signal', 'pointer', 'hex'],
    support: 'full',
  },
  {
    number: 131,
    name: 'sigaltstack',
    handler: sysSigaltstack,
    args: ['alternate-stack', 'alternate-stack-out'],
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

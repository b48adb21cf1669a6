/** The life of a process: exit(2), execve(2), wait4(2), prctl(2), arch_prctl(2). */
import { Register, type Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { readWord } from '../abi/word.js';
import { ExecError } from '../loader/exec-error.js';
import { NO_ALTERNATE_STACK } from '../signal/signal-frame.js';
import { startState } from '../task/start-state.js';
import type { Task } from '../task/task.js';
import type { SyscallResult, SyscallRow } from './row.js';

const PATH_MAX = 4096;
const COMM_SIZE = 16;
/** Bytes of argument and environment strings together, and of one of them (execve(2)). */
const MAX_STRINGS = 6 * 1024 * 1024;
const MAX_STRING = 128 * 1024;

const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;

const PR_SET_PDEATHSIG = 1;
const PR_GET_PDEATHSIG = 2;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const PR_GET_KEEPCAPS = 7;
const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
const PR_CAPBSET_READ = 23;
const PR_SET_TIMERSLACK = 29;
const PR_GET_TIMERSLACK = 30;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_GET_THP_DISABLE = 42;
const LAST_CAPABILITY = 40;
const TIMER_SLACK = 50000;

function sysExit(task: Task, args: Registers): number {
  task.process.exit({ code: args.argumentInt(0) & 0xff });
  return 0;
}

/** Reads a NULL-terminated array of strings; -E2BIG, -EFAULT. */
function readStrings(task: Task, address: number, budget: { left: number }): string[] | number {
  const strings: string[] = [];
  if (address === 0) return strings;
  const pointer = Buffer.alloc(8);
  for (let at = address; ; at += 8) {
    if (!task.mm.read(at, pointer)) return -Errno.EFAULT;
    const target = readWord(pointer, 0);
    if (target === 0) return strings;
    const text = task.mm.readCString(target, MAX_STRING - 1);
    if (typeof text === 'number') return text === -Errno.EFAULT ? text : -Errno.E2BIG;
    budget.left -= text.length + 9;
    if (budget.left < 0) return -Errno.E2BIG;
    strings.push(text);
  }
}

function sysExecve(task: Task, args: Registers): SyscallResult {
  const path = task.mm.readCString(args.argument(0), PATH_MAX - 1);
  if (typeof path === 'number') return path;
  const budget = { left: MAX_STRINGS };
  const argv = readStrings(task, args.argument(1), budget);
  if (typeof argv === 'number') return argv;
  const env = readStrings(task, args.argument(2), budget);
  if (typeof env === 'number') return env;
  // Linux gives a program without arguments an empty name.
  return execute(task, path, argv.length === 0 ? [''] : argv, env);
}

/** The old program is given up only when the new one is completely in place. */
async function execute(
  task: Task,
  path: string,
  argv: readonly string[],
  env: readonly string[],
): Promise<number> {
  const { kernel, process } = task;
  const context = kernel.platform.newContext();
  let replaced = false;
  try {
    // Looked up on the task's behalf: its permissions count, and /proc/self is its own.
    const opener = { openExecutable: (name: string) => task.fsContext.openExecutable(name, task) };
    const program = kernel.openProgram(opener, path, argv, env, process);
    const { mm, loaded } = await kernel.loadInto(program, env, process.limits, task.credentials);
    const old = { mm: task.mm, context: task.context };
    task.mm = mm;
    task.context = context;
    replaced = true;
    old.context.dispose();
    old.mm.release();
    process.actions.resetHandlers();
    task.alternateStack = NO_ALTERNATE_STACK;
    task.clearChildTid = 0;
    task.files.closeOnExec();
    process.become(program, env);
    startState(task.registers, loaded);
    task.registersReplaced = true;
    return 0;
  } catch (error) {
    if (!replaced) context.dispose();
    if (error instanceof ExecError) return -error.errno;
    throw error;
  }
}

function sysArchPrctl(task: Task, args: Registers): number {
  const address = args.argument(1);
  switch (args.argumentInt(0)) {
    case ARCH_SET_FS:
      return setBase(task, Register.FsBase, address);
    case ARCH_SET_GS:
      return setBase(task, Register.GsBase, address);
    case ARCH_GET_FS:
      return getBase(task, Register.FsBase, address);
    case ARCH_GET_GS:
      return getBase(task, Register.GsBase, address);
    default:
      return -Errno.EINVAL;
  }
}

/** Linux takes user addresses only: what is not canonical never gets near the processor. */
function setBase(task: Task, register: number, address: number): number {
  if (address >= task.mm.layout.top) return -Errno.EPERM;
  task.registers.setNumber(register, address);
  return 0;
}

function getBase(task: Task, register: number, address: number): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(task.registers.get(register));
  return task.mm.write(address, bytes);
}

function sysPrctl(task: Task, args: Registers): number {
  const argument = args.argument(1);
  switch (args.argumentInt(0)) {
    case PR_SET_NAME:
      return setName(task, argument);
    case PR_GET_NAME:
      return getName(task, argument);
    case PR_GET_PDEATHSIG:
      return task.mm.write(argument, new Uint8Array(4));
    case PR_SET_PDEATHSIG:
      return argument > 64 ? -Errno.EINVAL : 0;
    case PR_GET_DUMPABLE:
      return 1;
    case PR_SET_DUMPABLE:
      return argument > 1 ? -Errno.EINVAL : 0;
    case PR_GET_KEEPCAPS:
    case PR_GET_THP_DISABLE:
      return 0;
    case PR_CAPBSET_READ:
      if (argument > LAST_CAPABILITY) return -Errno.EINVAL;
      return task.credentials.euid === 0 ? 1 : 0;
    case PR_SET_TIMERSLACK:
      return 0;
    case PR_GET_TIMERSLACK:
      return TIMER_SLACK;
    case PR_SET_NO_NEW_PRIVS:
      if (argument !== 1) return -Errno.EINVAL;
      task.process.noNewPrivileges = true;
      return 0;
    case PR_GET_NO_NEW_PRIVS:
      return task.process.noNewPrivileges ? 1 : 0;
    default:
      return -Errno.EINVAL;
  }
}

function setName(task: Task, address: number): number {
  const bytes = Buffer.alloc(COMM_SIZE);
  const count = task.mm.copyIn(address, bytes);
  const end = bytes.indexOf(0);
  if (count < COMM_SIZE && (end < 0 || end >= count)) return -Errno.EFAULT;
  task.process.comm = bytes.toString('latin1', 0, end < 0 ? COMM_SIZE - 1 : end);
  return 0;
}

function getName(task: Task, address: number): number {
  const bytes = Buffer.alloc(COMM_SIZE);
  bytes.write(task.process.comm, 'latin1');
  return task.mm.write(address, bytes);
}

function sysSetTidAddress(task: Task, args: Registers): number {
  task.clearChildTid = args.argument(0);
  return task.tid;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 59,
    name: 'execve',
    handler: sysExecve,
    args: ['path', 'string-array', 'string-array'],
    support: 'partial',
    missing: 'set-user-ID programs; other threads',
  },
  { number: 60, name: 'exit', handler: sysExit, args: ['int'], support: 'full' },
  {
    number: 61,
    name: 'wait4',
    handler: () => -Errno.ECHILD,
    args: ['int', 'pointer', 'hex', 'pointer'],
    support: 'partial',
    missing: 'children',
  },
  {
    number: 157,
    name: 'prctl',
    handler: sysPrctl,
    args: ['prctl-option', 'hex', 'hex', 'hex', 'hex'],
    support: 'partial',
    missing: 'most operations',
  },
  {
    number: 158,
    name: 'arch_prctl',
    handler: sysArchPrctl,
    args: ['arch-code', 'pointer'],
    support: 'partial',
    missing: 'ARCH_CPUID and the like',
  },
  {
    number: 218,
    name: 'set_tid_address',
    handler: sysSetTidAddress,
    args: ['pointer'],
    support: 'full',
  },
  { number: 231, name: 'exit_group', handler: sysExit, args: ['int'], support: 'full' },
  {
    number: 247,
    name: 'waitid',
    handler: () => -Errno.ECHILD,
    args: ['int', 'int', 'pointer', 'hex', 'pointer'],
    support: 'partial',
    missing: 'children',
  },
];

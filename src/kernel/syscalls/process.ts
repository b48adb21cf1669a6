/** What a process is and when it ends: exit(2), prctl(2), arch_prctl(2). */
import { Register, type Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { SIGNAL_COUNT } from '../abi/signal.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

const COMM_SIZE = 16;

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
const PR_SET_CHILD_SUBREAPER = 36;
const PR_GET_CHILD_SUBREAPER = 37;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_GET_THP_DISABLE = 42;
const LAST_CAPABILITY = 40;
const TIMER_SLACK = 50000;

/** Ends the calling thread; the process with its last one. */
function sysExit(task: Task, args: Registers): number {
  task.ending ??= { code: args.argumentInt(0) & 0xff };
  return 0;
}

function sysExitGroup(task: Task, args: Registers): number {
  task.process.exit({ code: args.argumentInt(0) & 0xff });
  return 0;
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
      return writeInt(task, argument, task.process.parentDeathSignal);
    case PR_SET_PDEATHSIG:
      if (argument > SIGNAL_COUNT) return -Errno.EINVAL;
      task.process.parentDeathSignal = argument;
      return 0;
    case PR_SET_CHILD_SUBREAPER:
      task.process.isSubreaper = argument !== 0;
      return 0;
    case PR_GET_CHILD_SUBREAPER:
      return writeInt(task, argument, task.process.isSubreaper ? 1 : 0);
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

function writeInt(task: Task, address: number, value: number): number {
  return task.mm.write(address, new Uint8Array(Int32Array.of(value).buffer));
}

function setName(task: Task, address: number): number {
  const bytes = Buffer.alloc(COMM_SIZE);
  const count = task.mm.copyIn(address, bytes);
  const end = bytes.indexOf(0);
  if (count < COMM_SIZE && (end < 0 || end >= count)) return -Errno.EFAULT;
  task.comm = bytes.toString('latin1', 0, end < 0 ? COMM_SIZE - 1 : end);
  return 0;
}

function getName(task: Task, address: number): number {
  const bytes = Buffer.alloc(COMM_SIZE);
  bytes.write(task.comm, 'latin1');
  return task.mm.write(address, bytes);
}

function sysSetTidAddress(task: Task, args: Registers): number {
  task.clearChildTid = args.argument(0);
  return task.tid;
}

export const rows: readonly SyscallRow[] = [
  { number: 60, name: 'exit', handler: sysExit, args: ['int'], support: 'full' },
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
  { number: 231, name: 'exit_group', handler: sysExitGroup, args: ['int'], support: 'full' },
];

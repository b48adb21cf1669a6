/** What a process is and when it ends: exit(2), arch_prctl(2), set_tid_address(2). */
import { Register, type Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;

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

function sysSetTidAddress(task: Task, args: Registers): number {
  task.clearChildTid = args.argument(0);
  return task.tid;
}

export const rows: readonly SyscallRow[] = [
  { number: 60, name: 'exit', handler: sysExit, args: ['int'], support: 'full' },
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

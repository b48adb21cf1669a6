/** Where memory lies and how soon input and output are served: told, and of no effect on one node and no disk. */
import { PAGE_SIZE } from '../../platform/file-range.js';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Process } from '../task/process.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import type { SyscallRow } from './row.js';

const MPOL_LAST = 6;
/** MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES, MPOL_F_NUMA_BALANCING. */
const MPOL_MODE_FLAGS = 0xe000;
const MPOL_F_MASK = 7;
const MPOL_F_MEMS_ALLOWED = 4;
const MAX_NODES = 1024;
const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_WHO_USER = 3;
const IOPRIO_CLASS_SHIFT = 13;
const IOPRIO_CLASS_IDLE = 3;
const SYNC_FILE_RANGE_FLAGS = 7;

function isPolicy(mode: number): boolean {
  return (mode & ~MPOL_MODE_FLAGS) <= MPOL_LAST;
}

function sysSetMempolicy(task: Task, args: Registers): number {
  const mode = args.argumentUint(0);
  if (!isPolicy(mode)) return -Errno.EINVAL;
  task.process.memoryPolicy = mode;
  return 0;
}

function sysGetMempolicy(task: Task, args: Registers): number {
  const [modeAt, nodesAt, count] = [args.argument(0), args.argument(1), args.argument(2)];
  const flags = args.argumentUint(4);
  if ((flags & ~MPOL_F_MASK) !== 0 || (nodesAt !== 0 && count < 1)) return -Errno.EINVAL;
  const mode = (flags & ~MPOL_F_MEMS_ALLOWED) === 0 ? task.process.memoryPolicy : 0;
  if (modeAt !== 0) {
    const bytes = new Uint8Array(Int32Array.of(mode).buffer);
    if (task.mm.write(modeAt, bytes) !== 0) return -Errno.EFAULT;
  }
  if (nodesAt === 0) return 0;
  const nodes = Buffer.alloc(Math.ceil(Math.min(count, MAX_NODES) / 64) * 8);
  if ((flags & MPOL_F_MEMS_ALLOWED) !== 0) nodes[0] = 1;
  return task.mm.write(nodesAt, nodes);
}

function sysMbind(task: Task, args: Registers): number {
  const [address, length, mode] = [args.argument(0), args.argument(1), args.argumentUint(2)];
  if (!isPolicy(mode) || args.argumentUint(0) % PAGE_SIZE !== 0) return -Errno.EINVAL;
  return task.mm.vmas.covers(address, address + length) ? 0 : -Errno.EFAULT;
}

function processOf(task: Task, args: Registers): Process | number {
  const [which, who] = [args.argumentInt(0), args.argumentInt(1)];
  if (which < IOPRIO_WHO_PROCESS || which > IOPRIO_WHO_USER) return -Errno.EINVAL;
  if (which !== IOPRIO_WHO_PROCESS || who === 0) return task.process;
  return task.kernel.tasks.get(who)?.process ?? -Errno.ESRCH;
}

function sysIoprioSet(task: Task, args: Registers): number {
  const priority = args.argumentInt(2);
  if (priority >> IOPRIO_CLASS_SHIFT > IOPRIO_CLASS_IDLE || priority < 0) return -Errno.EINVAL;
  const process = processOf(task, args);
  if (typeof process === 'number') return process;
  process.ioPriority = priority;
  return 0;
}

function sysIoprioGet(task: Task, args: Registers): number {
  const process = processOf(task, args);
  return typeof process === 'number' ? process : process.ioPriority;
}

/** sync_file_range(2): of what is in memory, or the host's, nothing is waited for. */
function sysSyncFileRange(task: Task, args: Registers): number {
  const file = usableFile(task, args.argumentInt(0));
  const [offset, length] = [args.argumentLong(1), args.argumentLong(2)];
  if (file === undefined) return -Errno.EBADF;
  const flags = args.argumentUint(3);
  if ((flags & ~SYNC_FILE_RANGE_FLAGS) !== 0 || offset < 0 || length < 0) return -Errno.EINVAL;
  return file.seekable ? 0 : -Errno.ESPIPE;
}

const NO_EFFECT = { support: 'partial', missing: 'it is told and has no effect' } as const;

export const rows: readonly SyscallRow[] = [
  {
    number: 237,
    name: 'mbind',
    handler: sysMbind,
    args: ['pointer', 'size', 'int', 'pointer', 'size', 'hex'],
    ...NO_EFFECT,
  },
  {
    number: 238,
    name: 'set_mempolicy',
    handler: sysSetMempolicy,
    args: ['int', 'pointer', 'size'],
    ...NO_EFFECT,
  },
  {
    number: 239,
    name: 'get_mempolicy',
    handler: sysGetMempolicy,
    args: ['pointer', 'pointer', 'size', 'pointer', 'hex'],
    support: 'partial',
    missing: 'MPOL_F_NODE: there is one node',
  },
  {
    number: 251,
    name: 'ioprio_set',
    handler: sysIoprioSet,
    args: ['int', 'int', 'int'],
    ...NO_EFFECT,
  },
  {
    number: 252,
    name: 'ioprio_get',
    handler: sysIoprioGet,
    args: ['int', 'int'],
    support: 'full',
  },
  {
    number: 277,
    name: 'sync_file_range',
    handler: sysSyncFileRange,
    args: ['fd', 'long', 'long', 'hex'],
    ...NO_EFFECT,
  },
];

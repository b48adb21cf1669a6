/** Scheduling: which CPUs, which order. The host decides about both; programs are told what they expect. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

/** Bytes of the kernel's CPU mask. */
const MASK_SIZE = 8;
const MAX_CPUS = 64;

function isSelf(task: Task, pid: number): boolean {
  return pid === 0 || pid === task.tid || pid === task.pid;
}

function cpuMask(task: Task): Buffer {
  const bytes = Buffer.alloc(MASK_SIZE);
  const count = Math.min(task.kernel.cpuCount, MAX_CPUS);
  for (let cpu = 0; cpu < count; cpu++) bytes[cpu >> 3] = (bytes[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  return bytes;
}

function sysGetaffinity(task: Task, args: Registers): number {
  const length = args.argumentUint(1);
  if (length < MASK_SIZE || length % 8 !== 0) return -Errno.EINVAL;
  if (!isSelf(task, args.argumentInt(0))) return -Errno.ESRCH;
  return task.mm.write(args.argument(2), cpuMask(task)) === 0 ? MASK_SIZE : -Errno.EFAULT;
}

function sysSetaffinity(task: Task, args: Registers): number {
  if (!isSelf(task, args.argumentInt(0))) return -Errno.ESRCH;
  const wanted = Buffer.alloc(Math.min(args.argumentUint(1), MASK_SIZE));
  if (!task.mm.read(args.argument(2), wanted)) return -Errno.EFAULT;
  const mask = cpuMask(task);
  return wanted.some((byte, index) => (byte & (mask[index] ?? 0)) !== 0) ? 0 : -Errno.EINVAL;
}

function sysGetcpu(task: Task, args: Registers): number {
  const cpu = Math.max(task.context.cpu, 0) % task.kernel.cpuCount;
  const bytes = new Uint8Array(Uint32Array.of(cpu).buffer);
  const [cpuAt, nodeAt] = [args.argument(0), args.argument(1)];
  if (cpuAt !== 0 && task.mm.write(cpuAt, bytes) !== 0) return -Errno.EFAULT;
  return nodeAt === 0 ? 0 : task.mm.write(nodeAt, new Uint8Array(4));
}

/** Whether getpriority(2) and setpriority(2) mean the caller: 0, or -errno. */
function checkPriorityTarget(task: Task, args: Registers): number {
  const [which, who] = [args.argumentInt(0), args.argumentInt(1)];
  const self = [
    isSelf(task, who),
    who === 0 || who === task.process.processGroup,
    who === 0 || who === task.credentials.uid,
  ][which];
  if (self === undefined) return -Errno.EINVAL;
  return self ? 0 : -Errno.ESRCH;
}

/** 20 minus the nice value, so that no result is negative. */
function sysGetpriority(task: Task, args: Registers): number {
  const error = checkPriorityTarget(task, args);
  return error < 0 ? error : 20 - task.process.nice;
}

function sysSetpriority(task: Task, args: Registers): number {
  const error = checkPriorityTarget(task, args);
  if (error < 0) return error;
  const nice = Math.min(Math.max(args.argumentInt(2), -20), 19);
  if (nice < task.process.nice && task.credentials.euid !== 0) return -Errno.EACCES;
  task.process.nice = nice;
  return 0;
}

function sysGetparam(task: Task, args: Registers): number {
  if (args.argumentInt(0) < 0 || args.argument(1) === 0) return -Errno.EINVAL;
  if (!isSelf(task, args.argumentInt(0))) return -Errno.ESRCH;
  return task.mm.write(args.argument(1), new Uint8Array(4));
}

function sysGetscheduler(task: Task, args: Registers): number {
  if (args.argumentInt(0) < 0) return -Errno.EINVAL;
  return isSelf(task, args.argumentInt(0)) ? 0 : -Errno.ESRCH;
}

/** Real-time policies have priorities 1 to 99, the others 0. */
function priorityLimit(args: Registers, realTime: number): number {
  const policy = args.argumentInt(0);
  if (policy === 1 || policy === 2) return realTime;
  return [0, 3, 5, 6].includes(policy) ? 0 : -Errno.EINVAL;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 24,
    name: 'sched_yield',
    handler: async () => {
      await eventLoopTurn();
      return 0;
    },
    args: [],
    support: 'full',
  },
  {
    number: 140,
    name: 'getpriority',
    handler: sysGetpriority,
    args: ['int', 'int'],
    support: 'partial',
    missing: 'other processes than the caller',
  },
  {
    number: 141,
    name: 'setpriority',
    handler: sysSetpriority,
    args: ['int', 'int', 'int'],
    support: 'partial',
    missing: 'it is told and has no effect',
  },
  {
    number: 143,
    name: 'sched_getparam',
    handler: sysGetparam,
    args: ['int', 'pointer'],
    support: 'full',
  },
  {
    number: 145,
    name: 'sched_getscheduler',
    handler: sysGetscheduler,
    args: ['int'],
    support: 'full',
  },
  {
    number: 146,
    name: 'sched_get_priority_max',
    handler: (_task, args) => priorityLimit(args, 99),
    args: ['int'],
    support: 'full',
  },
  {
    number: 147,
    name: 'sched_get_priority_min',
    handler: (_task, args) => priorityLimit(args, 1),
    args: ['int'],
    support: 'full',
  },
  {
    number: 203,
    name: 'sched_setaffinity',
    handler: sysSetaffinity,
    args: ['int', 'uint', 'pointer'],
    support: 'partial',
    missing: 'it is checked and has no effect',
  },
  {
    number: 204,
    name: 'sched_getaffinity',
    handler: sysGetaffinity,
    args: ['int', 'uint', 'pointer'],
    support: 'full',
  },
  {
    number: 309,
    name: 'getcpu',
    handler: sysGetcpu,
    args: ['pointer', 'pointer', 'pointer'],
    support: 'full',
  },
];

/** Resource limits and usage, getrlimit(2), getrusage(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { maySignal } from '../task/credentials.js';
import type { Process } from '../task/process.js';
import { Rlimit, type ResourceLimit } from '../task/resource-limits.js';
import type { Task } from '../task/task.js';
import { encodeUsage } from './resource-usage.js';
import type { SyscallRow } from './row.js';

const RLIM_INFINITY = 0xffffffffffffffffn;
/** `fs.nr_open`. */
const NR_OPEN = 1048576;
const RUSAGE_SELF = 0;
const RUSAGE_CHILDREN = -1;
const RUSAGE_THREAD = 1;

function encodeLimit(limit: ResourceLimit): Buffer {
  const bytes = Buffer.alloc(16);
  for (const [index, value] of [limit.soft, limit.hard].entries()) {
    bytes.writeBigUInt64LE(value === Infinity ? RLIM_INFINITY : BigInt(value), index * 8);
  }
  return bytes;
}

function decodeLimit(bytes: Buffer): ResourceLimit {
  const [soft, hard] = [0, 8].map((at) => {
    const value = bytes.readBigUInt64LE(at);
    // Limits nothing could ever reach are as good as none.
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(value);
  }) as [number, number];
  return { soft, hard };
}

function setLimit(task: Task, process: Process, resource: number, address: number): number {
  const { limits } = process;
  const bytes = Buffer.alloc(16);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  const wanted = decodeLimit(bytes);
  const old = limits.get(resource);
  if (old === undefined || wanted.soft > wanted.hard) return -Errno.EINVAL;
  if (resource === Rlimit.Nofile && wanted.hard > NR_OPEN) return -Errno.EPERM;
  if (wanted.hard > old.hard && task.credentials.euid !== 0) return -Errno.EPERM;
  limits.set(resource, wanted);
  if (resource === Rlimit.Cpu) process.timers.limitCpu();
  return 0;
}

function getLimit(task: Task, resource: number, address: number): number {
  const limit = task.process.limits.get(resource);
  return limit === undefined ? -Errno.EINVAL : task.mm.write(address, encodeLimit(limit));
}

function sysPrlimit64(task: Task, args: Registers): number {
  const [pid, resource] = [args.argumentInt(0), args.argumentUint(1)];
  const [from, to] = [args.argument(2), args.argument(3)];
  const target = pid === 0 ? task : task.kernel.tasks.get(pid);
  if (target === undefined) return -Errno.ESRCH;
  if (target.process !== task.process && !maySignal(task, target)) return -Errno.EPERM;
  const { limits } = target.process;
  const old = limits.get(resource);
  if (old === undefined) return -Errno.EINVAL;
  const result = from === 0 ? 0 : setLimit(task, target.process, resource, from);
  if (result !== 0 || to === 0) return result;
  return task.mm.write(to, encodeLimit(old));
}

function sysGetrusage(task: Task, args: Registers): number {
  const who = args.argumentInt(0);
  if (who !== RUSAGE_SELF && who !== RUSAGE_CHILDREN && who !== RUSAGE_THREAD) {
    return -Errno.EINVAL;
  }
  return task.mm.write(args.argument(1), usageOf(task, who));
}

function usageOf(task: Task, who: number): Buffer {
  const { process, mm } = task;
  if (who === RUSAGE_CHILDREN) return encodeUsage(process.childCpuTime, process.childPeakResident);
  const peak = Math.max(process.peakResident, mm.pages.peakBytes);
  return encodeUsage(who === RUSAGE_THREAD ? task.cpuTime : process.cpuTime, peak);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 97,
    name: 'getrlimit',
    handler: (task, args) => getLimit(task, args.argumentUint(0), args.argument(1)),
    args: ['resource', 'rlimit-out'],
    support: 'full',
  },
  {
    number: 98,
    name: 'getrusage',
    handler: sysGetrusage,
    args: ['usage-who', 'usage-out'],
    support: 'partial',
    missing: 'all but user time and resident size',
  },
  {
    number: 160,
    name: 'setrlimit',
    handler: (task, args) => setLimit(task, task.process, args.argumentUint(0), args.argument(1)),
    args: ['resource', 'rlimit'],
    support: 'partial',
    missing: 'RLIMIT_RSS, RLIMIT_MEMLOCK, RLIMIT_LOCKS, RLIMIT_RTTIME are kept and not enforced',
  },
  {
    number: 302,
    name: 'prlimit64',
    handler: sysPrlimit64,
    args: ['int', 'resource', 'rlimit', 'rlimit-out'],
    support: 'full',
  },
];

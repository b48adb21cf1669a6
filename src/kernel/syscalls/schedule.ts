/** Scheduling: which CPUs, which order. The host decides about both; programs are told what they expect. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { writeWord } from '../abi/word.js';
import type { Process } from '../task/process.js';
import { Policy } from '../task/scheduling.js';
import type { Task } from '../task/task.js';
import { writeTimespec } from '../time/timespec.js';
import type { SyscallRow } from './row.js';

/** Bytes of the kernel's CPU mask. */
const MASK_SIZE = 8;
const RESET_ON_FORK = 0x40000000;
const MAX_PRIORITY = 99;
const ATTR_SIZE = 48;
const ATTR_MAX = 4096;
const FLAG_RESET_ON_FORK = 1;
const FLAG_KEEP_POLICY = 8;
const FLAG_KEEP_PARAMS = 16;
/** Slice of SCHED_RR, and of the others, as Linux tells them. */
const SLICE = { seconds: 0, nanoseconds: 100_000_000 };
const NO_SLICE = { seconds: 0, nanoseconds: 4_000_000 };

/** The thread that a pid argument means; 0 is the caller. */
function targetOf(task: Task, pid: number): Task | number {
  if (pid < 0) return -Errno.EINVAL;
  const target = pid === 0 ? task : task.kernel.tasks.get(pid);
  return target ?? -Errno.ESRCH;
}

/** Only one's own threads and those of the same user may be changed. */
function mayChange(task: Task, target: Task): boolean {
  const { euid } = task.credentials;
  const { uid, euid: other } = target.credentials;
  return euid === 0 || euid === uid || euid === other;
}

function maskBytes(mask: number): Buffer {
  const bytes = Buffer.alloc(MASK_SIZE);
  writeWord(bytes, 0, mask);
  return bytes;
}

function sysGetaffinity(task: Task, args: Registers): number {
  const length = args.argumentUint(1);
  if (length < MASK_SIZE || length % 8 !== 0) return -Errno.EINVAL;
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return -Errno.ESRCH;
  const bytes = maskBytes(target.scheduling.affinity);
  return task.mm.write(args.argument(2), bytes) === 0 ? MASK_SIZE : -Errno.EFAULT;
}

function sysSetaffinity(task: Task, args: Registers): number {
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return -Errno.ESRCH;
  const length = Math.min(args.argumentUint(1), MASK_SIZE);
  const wanted = Buffer.alloc(MASK_SIZE);
  if (!task.mm.read(args.argument(2), wanted.subarray(0, length))) return -Errno.EFAULT;
  if (!mayChange(task, target)) return -Errno.EPERM;
  let affinity = 0;
  for (let cpu = 0; cpu < task.kernel.cpuCount; cpu++) {
    if (((wanted[cpu >> 3] ?? 0) & (1 << (cpu & 7))) !== 0) affinity += 2 ** cpu;
  }
  if (affinity === 0) return -Errno.EINVAL;
  target.scheduling.affinity = affinity;
  return 0;
}

function sysGetcpu(task: Task, args: Registers): number {
  const cpu = Math.max(task.context.cpu, 0) % task.kernel.cpuCount;
  const bytes = new Uint8Array(Uint32Array.of(cpu).buffer);
  const [cpuAt, nodeAt] = [args.argument(0), args.argument(1)];
  if (cpuAt !== 0 && task.mm.write(cpuAt, bytes) !== 0) return -Errno.EFAULT;
  return nodeAt === 0 ? 0 : task.mm.write(nodeAt, new Uint8Array(4));
}

/** The processes that getpriority(2) and setpriority(2) mean, or -errno. */
function priorityTargets(task: Task, args: Registers): Process[] | number {
  const [which, who] = [args.argumentInt(0), args.argumentInt(1)];
  const all = [...task.kernel.processes.values()].filter((process) => !process.isZombie);
  const uid = who === 0 ? task.credentials.uid : who;
  const group = who === 0 ? task.process.processGroup : who;
  const choices: (() => Process[])[] = [
    () => {
      const target = targetOf(task, who);
      return typeof target === 'number' ? [] : [target.process];
    },
    () => all.filter((process) => process.processGroup === group),
    () => all.filter((process) => process.leader?.credentials.uid === uid),
  ];
  const choose = choices[which];
  if (choose === undefined) return -Errno.EINVAL;
  const targets = choose();
  return targets.length === 0 ? -Errno.ESRCH : targets;
}

/** 20 minus the nice value, so that no result is negative; the highest priority of several. */
function sysGetpriority(task: Task, args: Registers): number {
  const targets = priorityTargets(task, args);
  if (typeof targets === 'number') return targets;
  return 20 - Math.min(...targets.map((process) => process.nice));
}

function sysSetpriority(task: Task, args: Registers): number {
  const targets = priorityTargets(task, args);
  if (typeof targets === 'number') return targets;
  const nice = Math.min(Math.max(args.argumentInt(2), -20), 19);
  let error = 0;
  for (const process of targets) {
    const { leader } = process;
    if (leader !== undefined && !mayChange(task, leader)) error = -Errno.EPERM;
    else if (nice < process.nice && task.credentials.euid !== 0) error = -Errno.EACCES;
    else process.nice = nice;
  }
  return error;
}

/** 0 or -errno for a policy with a priority. */
function checkPolicy(policy: number, priority: number): number {
  if (policy === Policy.Fifo || policy === Policy.RoundRobin) {
    return priority >= 1 && priority <= MAX_PRIORITY ? 0 : -Errno.EINVAL;
  }
  const known = policy === Policy.Other || policy === Policy.Batch || policy === Policy.Idle;
  return known && priority === 0 ? 0 : -Errno.EINVAL;
}

function setPolicy(
  task: Task,
  pid: number,
  wanted: { policy: number | undefined; priority: number; resetsOnFork: boolean | undefined },
): number {
  const target = targetOf(task, pid);
  if (typeof target === 'number') return target;
  const { scheduling } = target;
  const policy = wanted.policy ?? scheduling.policy;
  const error = checkPolicy(policy, wanted.priority);
  if (error !== 0) return error;
  const isRealTime = policy === Policy.Fifo || policy === Policy.RoundRobin;
  const raises = isRealTime && wanted.priority > scheduling.priority;
  if (!mayChange(task, target) || (raises && task.credentials.euid !== 0)) return -Errno.EPERM;
  scheduling.policy = policy;
  scheduling.priority = wanted.priority;
  if (wanted.resetsOnFork !== undefined) scheduling.resetsOnFork = wanted.resetsOnFork;
  return 0;
}

function readParam(task: Task, address: number): number | undefined {
  const bytes = Buffer.alloc(4);
  return task.mm.read(address, bytes) ? bytes.readInt32LE(0) : undefined;
}

function sysSetscheduler(task: Task, args: Registers): number {
  const policy = args.argumentInt(1);
  if (policy < 0 || args.argument(2) === 0) return -Errno.EINVAL;
  const priority = readParam(task, args.argument(2));
  if (priority === undefined) return -Errno.EFAULT;
  const resetsOnFork = (policy & RESET_ON_FORK) !== 0;
  return setPolicy(task, args.argumentInt(0), {
    policy: policy & ~RESET_ON_FORK,
    priority,
    resetsOnFork,
  });
}

function sysSetparam(task: Task, args: Registers): number {
  if (args.argument(1) === 0) return -Errno.EINVAL;
  const priority = readParam(task, args.argument(1));
  if (priority === undefined) return -Errno.EFAULT;
  const wanted = { policy: undefined, priority, resetsOnFork: undefined };
  return setPolicy(task, args.argumentInt(0), wanted);
}

function sysGetparam(task: Task, args: Registers): number {
  if (args.argument(1) === 0) return -Errno.EINVAL;
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return target;
  const { priority } = target.scheduling;
  return task.mm.write(args.argument(1), new Uint8Array(Int32Array.of(priority).buffer));
}

function sysGetscheduler(task: Task, args: Registers): number {
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return target;
  const { policy, resetsOnFork } = target.scheduling;
  return policy | (resetsOnFork ? RESET_ON_FORK : 0);
}

function sysGetInterval(task: Task, args: Registers): number {
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return target;
  const { policy } = target.scheduling;
  const none = policy === Policy.Fifo ? { seconds: 0, nanoseconds: 0 } : NO_SLICE;
  return writeTimespec(task.mm, args.argument(1), policy === Policy.RoundRobin ? SLICE : none);
}

/** `struct sched_attr`. */
function sysSetattr(task: Task, args: Registers): number {
  const address = args.argument(1);
  if (address === 0 || args.argumentUint(2) !== 0) return -Errno.EINVAL;
  const bytes = Buffer.alloc(ATTR_SIZE);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  const size = bytes.readUInt32LE(0);
  if (size !== 0 && (size < ATTR_SIZE || size > ATTR_MAX)) return -Errno.E2BIG;
  const flags = bytes.readUInt32LE(8);
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return target;
  const keeps = (flags & FLAG_KEEP_PARAMS) !== 0;
  const error = setPolicy(task, args.argumentInt(0), {
    policy: (flags & FLAG_KEEP_POLICY) !== 0 ? undefined : bytes.readUInt32LE(4),
    priority: keeps ? target.scheduling.priority : bytes.readUInt32LE(20),
    resetsOnFork: (flags & FLAG_RESET_ON_FORK) !== 0,
  });
  if (error === 0 && !keeps && !target.scheduling.isRealTime) {
    target.process.nice = Math.min(Math.max(bytes.readInt32LE(16), -20), 19);
  }
  return error;
}

function sysGetattr(task: Task, args: Registers): number {
  const [address, size] = [args.argument(1), args.argumentUint(2)];
  if (address === 0 || size < ATTR_SIZE || size > ATTR_MAX) return -Errno.EINVAL;
  if (args.argumentUint(3) !== 0) return -Errno.EINVAL;
  const target = targetOf(task, args.argumentInt(0));
  if (typeof target === 'number') return target;
  const { policy, priority, resetsOnFork, isRealTime } = target.scheduling;
  const bytes = Buffer.alloc(ATTR_SIZE);
  bytes.writeUInt32LE(ATTR_SIZE, 0);
  bytes.writeUInt32LE(policy, 4);
  bytes.writeUInt32LE(resetsOnFork ? FLAG_RESET_ON_FORK : 0, 8);
  bytes.writeInt32LE(isRealTime ? 0 : target.process.nice, 16);
  bytes.writeUInt32LE(priority, 20);
  return task.mm.write(address, bytes);
}

/** Real-time policies have priorities 1 to 99, the others 0. */
function priorityLimit(args: Registers, realTime: number): number {
  const policy = args.argumentInt(0);
  if (policy === Policy.Fifo || policy === Policy.RoundRobin) return realTime;
  return [0, 3, 5, 6].includes(policy) ? 0 : -Errno.EINVAL;
}

async function sysYield(): Promise<number> {
  await eventLoopTurn();
  return 0;
}

type Row = [number, string, SyscallRow['handler'], SyscallRow['args'], string?];

const UNHEEDED = 'it is told and has no effect';

const all: Row[] = [
  [24, 'sched_yield', sysYield, []],
  [140, 'getpriority', sysGetpriority, ['priority-which', 'int']],
  [141, 'setpriority', sysSetpriority, ['priority-which', 'int', 'int'], UNHEEDED],
  [142, 'sched_setparam', sysSetparam, ['int', 'int-in'], UNHEEDED],
  [143, 'sched_getparam', sysGetparam, ['int', 'int-out']],
  [144, 'sched_setscheduler', sysSetscheduler, ['int', 'policy', 'int-in'], UNHEEDED],
  [145, 'sched_getscheduler', sysGetscheduler, ['int']],
  [146, 'sched_get_priority_max', (_task, args) => priorityLimit(args, MAX_PRIORITY), ['policy']],
  [147, 'sched_get_priority_min', (_task, args) => priorityLimit(args, 1), ['policy']],
  [148, 'sched_rr_get_interval', sysGetInterval, ['int', 'timespec-out']],
  [203, 'sched_setaffinity', sysSetaffinity, ['int', 'uint', 'processors'], UNHEEDED],
  [204, 'sched_getaffinity', sysGetaffinity, ['int', 'uint', 'processors-out']],
  [309, 'getcpu', sysGetcpu, ['pointer', 'pointer', 'pointer']],
  [314, 'sched_setattr', sysSetattr, ['int', 'pointer', 'hex'], UNHEEDED],
  [315, 'sched_getattr', sysGetattr, ['int', 'pointer', 'uint', 'hex']],
];

export const rows: readonly SyscallRow[] = all.map(([number, name, handler, args, missing]) => ({
  number,
  name,
  handler,
  args,
  ...(missing === undefined ? { support: 'full' } : { support: 'partial', missing }),
}));

/** futex(2): waiting for words of memory, and waking those who do. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { FutexQueue } from '../task/futex.js';
import { waitInQueue } from '../task/futex-wait.js';
import { futexQueue, readFutexWord, updateFutexWord } from '../task/futex-word.js';
import type { Task } from '../task/task.js';
import { ClockId, toMilliseconds } from '../time/clock.js';
import { millisecondsUntil, readTimespec } from '../time/timespec.js';
import { type FutexWord, lockPi, requeueToLock, unlockPi, waitForRequeue } from './futex-lock.js';
import type { SyscallResult, SyscallRow } from './row.js';

const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_REQUEUE = 3;
const FUTEX_CMP_REQUEUE = 4;
const FUTEX_WAKE_OP = 5;
const FUTEX_LOCK_PI = 6;
const FUTEX_UNLOCK_PI = 7;
const FUTEX_TRYLOCK_PI = 8;
const FUTEX_WAIT_BITSET = 9;
const FUTEX_WAKE_BITSET = 10;
const FUTEX_WAIT_REQUEUE_PI = 11;
const FUTEX_CMP_REQUEUE_PI = 12;
const FUTEX_LOCK_PI2 = 13;
const FUTEX_PRIVATE_FLAG = 128;
const FUTEX_CLOCK_REALTIME = 256;
const ANY = 0xffffffff;
/** Commands that know of the clock flag. */
const CLOCKED: ReadonlySet<number> = new Set([
  FUTEX_WAIT,
  FUTEX_WAIT_BITSET,
  FUTEX_WAIT_REQUEUE_PI,
  FUTEX_LOCK_PI2,
]);
/** Commands whose fourth argument is a timeout. */
const TIMED: ReadonlySet<number> = new Set([
  FUTEX_WAIT,
  FUTEX_LOCK_PI,
  FUTEX_LOCK_PI2,
  FUTEX_WAIT_BITSET,
  FUTEX_WAIT_REQUEUE_PI,
]);

function sysFutex(task: Task, args: Registers): SyscallResult {
  const address = args.argument(0);
  const operation = args.argumentUint(1);
  const command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const realtime = (operation & FUTEX_CLOCK_REALTIME) !== 0;
  const timeout = TIMED.has(command) ? timeoutOf(task, args.argument(3), command, realtime) : 0;
  if (timeout < 0) return timeout;
  if (realtime && !CLOCKED.has(command)) return -Errno.ENOSYS;
  if (address % 4 !== 0) return -Errno.EINVAL;
  if (address >= task.mm.layout.top) return -Errno.EFAULT;
  const isPrivate = (operation & FUTEX_PRIVATE_FLAG) !== 0;
  const queue = futexQueue(task.mm, address, isPrivate);
  const value = args.argumentUint(2);
  switch (command) {
    case FUTEX_WAIT:
      return wait(task, { address, isPrivate, value, bitset: ANY }, timeout);
    case FUTEX_WAIT_BITSET:
      return wait(task, { address, isPrivate, value, bitset: args.argumentUint(5) }, timeout);
    case FUTEX_WAKE:
      return queue.wake(atLeastOne(value), ANY);
    case FUTEX_WAKE_BITSET: {
      const bitset = args.argumentUint(5);
      return bitset === 0 ? -Errno.EINVAL : queue.wake(atLeastOne(value), bitset);
    }
    case FUTEX_WAKE_OP:
      return wakeOp(task, args, queue, isPrivate);
    case FUTEX_REQUEUE:
      return requeue(task, args, queue, isPrivate);
    case FUTEX_CMP_REQUEUE: {
      const current = readFutexWord(task.mm, address);
      if (current === undefined) return -Errno.EFAULT;
      return current === args.argumentUint(5)
        ? requeue(task, args, queue, isPrivate)
        : -Errno.EAGAIN;
    }
    case FUTEX_WAIT_REQUEUE_PI:
      return waitRequeuePi(task, args, queue, isPrivate, timeout);
    case FUTEX_CMP_REQUEUE_PI:
      return cmpRequeuePi(task, args, queue, isPrivate);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
      return lockPi(task, queue, address, timeout);
    case FUTEX_TRYLOCK_PI:
      return lockPi(task, queue, address, undefined);
    case FUTEX_UNLOCK_PI:
      return unlockPi(task, queue, address);
    default:
      return -Errno.ENOSYS;
  }
}

/** Linux wakes one where it is asked for none, or for fewer. */
function atLeastOne(count: number): number {
  return Math.max(count | 0, 1);
}

function requeue(task: Task, args: Registers, queue: FutexQueue, isPrivate: boolean): number {
  const count = args.argumentInt(2);
  const most = args.argumentInt(3);
  const target = args.argument(4);
  if (most < 0 || count < 0 || target % 4 !== 0) return -Errno.EINVAL;
  if (target >= task.mm.layout.top) return -Errno.EFAULT;
  return queue.requeue(futexQueue(task.mm, target, isPrivate), count, most);
}

/** The lock that the fifth argument points to, which is another word than `queue`'s. */
function lockArgument(
  task: Task,
  args: Registers,
  queue: FutexQueue,
  isPrivate: boolean,
): FutexWord | number {
  const address = args.argument(4);
  if (address === args.argument(0) || address % 4 !== 0) return -Errno.EINVAL;
  if (address >= task.mm.layout.top) return -Errno.EFAULT;
  const lock = futexQueue(task.mm, address, isPrivate);
  return lock.isSameWord(queue) ? -Errno.EINVAL : { address, queue: lock };
}

function waitRequeuePi(
  task: Task,
  args: Registers,
  queue: FutexQueue,
  isPrivate: boolean,
  timeout: number,
): SyscallResult {
  const lock = lockArgument(task, args, queue, isPrivate);
  if (typeof lock === 'number') return lock;
  const current = readFutexWord(task.mm, args.argument(0));
  if (current === undefined) return -Errno.EFAULT;
  if (current !== args.argumentUint(2)) return -Errno.EAGAIN;
  return waitForRequeue(task, queue, lock, timeout);
}

function cmpRequeuePi(task: Task, args: Registers, queue: FutexQueue, isPrivate: boolean): number {
  const [count, most] = [args.argumentInt(2), args.argumentInt(3)];
  if (count !== 1 || most < 0) return -Errno.EINVAL;
  const lock = lockArgument(task, args, queue, isPrivate);
  if (typeof lock === 'number') return lock;
  const current = readFutexWord(task.mm, args.argument(0));
  if (current === undefined) return -Errno.EFAULT;
  if (current !== args.argumentUint(5)) return -Errno.EAGAIN;
  return requeueToLock(task, queue, lock, most);
}

/** Operations and comparisons of FUTEX_WAKE_OP, by their numbers. */
const OPERATIONS: readonly ((value: number, argument: number) => number)[] = [
  (_value, argument) => argument,
  (value, argument) => value + argument,
  (value, argument) => value | argument,
  (value, argument) => value & ~argument,
  (value, argument) => value ^ argument,
];
const COMPARISONS: readonly ((value: number, argument: number) => boolean)[] = [
  (value, argument) => value === argument,
  (value, argument) => value !== argument,
  (value, argument) => value < argument,
  (value, argument) => value <= argument,
  (value, argument) => value > argument,
  (value, argument) => value >= argument,
];
const SHIFT_ARGUMENT = 8;

/** Changes a second word, wakes waiters of the first, and by what the second was waiters of that. */
function wakeOp(task: Task, args: Registers, queue: FutexQueue, isPrivate: boolean): number {
  const second = args.argument(4);
  if (second % 4 !== 0) return -Errno.EINVAL;
  if (second >= task.mm.layout.top) return -Errno.EFAULT;
  const encoded = args.argumentInt(5);
  const code = (encoded >>> 28) & 0xf;
  const operand = (encoded << 8) >> 20;
  const argument = (code & SHIFT_ARGUMENT) !== 0 ? 1 << (operand & 31) : operand;
  const operation = OPERATIONS[code & 7];
  const comparison = COMPARISONS[(encoded >>> 24) & 0xf];
  if (operation === undefined) return -Errno.ENOSYS;
  const before = updateFutexWord(task.mm, second, (value) => operation(value | 0, argument));
  if (before < 0) return before;
  // The word has changed by then, on Linux too.
  if (comparison === undefined) return -Errno.ENOSYS;
  const woken = queue.wake(atLeastOne(args.argumentInt(2)), ANY);
  if (woken < 0) return woken;
  if (!comparison(before | 0, (encoded << 20) >> 20)) return woken;
  const other = futexQueue(task.mm, second, isPrivate);
  const more = other.wake(atLeastOne(args.argumentInt(3)), ANY);
  return more < 0 ? more : woken + more;
}

/** A word, and what it must be for a thread to wait. */
interface Expectation {
  readonly address: number;
  readonly isPrivate: boolean;
  readonly value: number;
  readonly bitset: number;
}

function wait(task: Task, expected: Expectation, timeout: number): SyscallResult {
  if (expected.bitset === 0) return -Errno.EINVAL;
  return waitUntil(task, expected, performance.now() + timeout);
}

function waitUntil(task: Task, expected: Expectation, due: number): SyscallResult {
  const { address, isPrivate, value, bitset } = expected;
  const current = readFutexWord(task.mm, address);
  if (current === undefined) return -Errno.EFAULT;
  if (current !== value) return -Errno.EAGAIN;
  const timeout = Math.max(due - performance.now(), 0);
  const result = waitInQueue(task, futexQueue(task.mm, address, isPrivate), { bitset, timeout });
  if (due === Infinity) return result;
  return result.then((woken) => {
    if (woken === -Errno.EINTR) task.resume = () => waitUntil(task, expected, due);
    return woken;
  });
}

/** Milliseconds from now, `Infinity` for no timeout, or -errno. FUTEX_WAIT takes a duration, others a point in time. */
function timeoutOf(task: Task, address: number, command: number, realtime: boolean): number {
  if (address === 0) return Infinity;
  const time = readTimespec(task.mm, address);
  if (typeof time === 'number') return time;
  if (command === FUTEX_WAIT) return toMilliseconds(time);
  const clock = realtime || command === FUTEX_LOCK_PI ? ClockId.Realtime : ClockId.Monotonic;
  return Math.max(millisecondsUntil(clock, time), 0);
}

/** sizeof(struct robust_list_head) */
const ROBUST_LIST_SIZE = 24;

function sysSetRobustList(task: Task, args: Registers): number {
  if (args.argumentBig(1) !== BigInt(ROBUST_LIST_SIZE)) return -Errno.EINVAL;
  task.robustList = args.argumentBig(0);
  return 0;
}

function sysGetRobustList(task: Task, args: Registers): number {
  const tid = args.argumentInt(0);
  const target = tid === 0 ? task : task.kernel.tasks.get(tid);
  if (target === undefined) return -Errno.ESRCH;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(ROBUST_LIST_SIZE));
  if (task.mm.write(args.argument(2), bytes) !== 0) return -Errno.EFAULT;
  bytes.writeBigUInt64LE(target.robustList);
  return task.mm.write(args.argument(1), bytes);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 202,
    name: 'futex',
    handler: sysFutex,
    args: [
      'pointer',
      'futex-operation',
      'futex-value',
      'futex-timeout',
      'futex-address',
      'futex-last',
    ],
    support: 'partial',
    missing: 'priorities',
  },
  {
    number: 273,
    name: 'set_robust_list',
    handler: sysSetRobustList,
    args: ['pointer', 'size'],
    support: 'full',
  },
  {
    number: 274,
    name: 'get_robust_list',
    handler: sysGetRobustList,
    args: ['int', 'pointer', 'pointer'],
    support: 'full',
  },
];

/** Locks that the kernel hands over, with their owner in the word: FUTEX_LOCK_PI and its kin, futex(2). */
import { Errno } from '../abi/errno.js';
import type { FutexQueue } from '../task/futex.js';
import { waitInQueue } from '../task/futex-wait.js';
import { readFutexWord, updateFutexWord } from '../task/futex-word.js';
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from '../task/robust-list.js';
import type { Task } from '../task/task.js';
import type { SyscallResult } from './row.js';

const ANY = 0xffffffff;

/** `timeout` in milliseconds, `Infinity` for none, or -errno; `undefined`: to be had at once or not at all. */
export function lockPi(
  task: Task,
  queue: FutexQueue,
  address: number,
  timeout: number | undefined,
): SyscallResult {
  if (timeout !== undefined && timeout < 0) return timeout;
  const before = updateFutexWord(task.mm, address, (value) => {
    const owner = value & FUTEX_TID_MASK;
    if (owner === 0) return (value & FUTEX_OWNER_DIED) | waitersBit(queue) | task.tid;
    if (owner === task.tid || timeout === undefined) return undefined;
    return value | FUTEX_WAITERS;
  });
  if (before < 0) return before;
  const owner = before & FUTEX_TID_MASK;
  if (owner === 0) return 0;
  if (owner === task.tid) return -Errno.EDEADLK;
  if (timeout === undefined) return -Errno.EAGAIN;
  if (!task.kernel.tasks.has(owner)) return -Errno.ESRCH;
  return waitForLock(task, queue, address, timeout);
}

async function waitForLock(
  task: Task,
  queue: FutexQueue,
  address: number,
  timeout: number,
): Promise<number> {
  const wait = { bitset: ANY, timeout, owner: task.tid };
  const result = await waitInQueue(task, queue, wait);
  // Handed over while a signal or the timeout was on its way: it is ours.
  const word = readFutexWord(task.mm, address) ?? 0;
  return (word & FUTEX_TID_MASK) === task.tid ? 0 : result;
}

export function unlockPi(task: Task, queue: FutexQueue, address: number): number {
  const word = readFutexWord(task.mm, address);
  if (word === undefined) return -Errno.EFAULT;
  if ((word & FUTEX_TID_MASK) !== task.tid) return -Errno.EPERM;
  return handOver(task, queue, address, 0);
}

/** Gives the lock to whoever waits longest, or to nobody. */
export function handOver(task: Task, queue: FutexQueue, address: number, mark: number): number {
  const next = queue.firstTid;
  const others = queue.length > 1 ? FUTEX_WAITERS : 0;
  const before = updateFutexWord(task.mm, address, () =>
    next === 0 ? mark : next | others | mark,
  );
  if (before < 0) return before;
  if (next !== 0) queue.wake(1, ANY);
  return 0;
}

function waitersBit(queue: FutexQueue): number {
  return queue.length > 0 ? FUTEX_WAITERS : 0;
}

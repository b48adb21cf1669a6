/** Locks that the kernel hands over, with their owner in the word: FUTEX_LOCK_PI and its kin, futex(2). */
import { Errno } from '../abi/errno.js';
import type { FutexQueue } from '../task/futex.js';
import { blockFor, waitInQueue } from '../task/futex-wait.js';
import { readFutexWord, updateFutexWord } from '../task/futex-word.js';
import { handOver } from '../task/futex-owner.js';
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
  if (isWaitedForOtherwise(queue)) return -Errno.EINVAL;
  const before = updateFutexWord(task.mm, address, (value) => {
    const owner = value & FUTEX_TID_MASK;
    if (owner === 0) return (value & FUTEX_OWNER_DIED) | waitersBit(queue) | task.tid;
    if (owner === task.tid) return undefined;
    return value | FUTEX_WAITERS;
  });
  if (before < 0) return before;
  const owner = before & FUTEX_TID_MASK;
  if (owner === 0) return 0;
  if (owner === task.tid) return -Errno.EDEADLK;
  if (timeout === undefined) return -Errno.EAGAIN;
  const holder = task.kernel.tasks.get(owner);
  if (holder === undefined) return -Errno.ESRCH;
  return waitForLock(task, queue, address, timeout, holder);
}

async function waitForLock(
  task: Task,
  queue: FutexQueue,
  address: number,
  timeout: number,
  holder: Task,
): Promise<number> {
  const wait = { bitset: ANY, timeout, owner: task.tid };
  holder.contended.set(queue, { mm: task.mm, address });
  const result = await waitInQueue(task, queue, wait);
  if (queue.length === 0) holder.contended.delete(queue);
  // Handed over while a signal or the timeout was on its way: it is ours.
  const word = readFutexWord(task.mm, address) ?? 0;
  if ((word & FUTEX_TID_MASK) === task.tid) return 0;
  // The lock is waited for again whatever a handler's flags.
  if (result === -Errno.EINTR) task.restarts = 'always';
  return result;
}

export function unlockPi(task: Task, queue: FutexQueue, address: number): number {
  const word = readFutexWord(task.mm, address);
  if (word === undefined) return -Errno.EFAULT;
  if ((word & FUTEX_TID_MASK) !== task.tid) return -Errno.EPERM;
  if (isWaitedForOtherwise(queue)) return -Errno.EINVAL;
  return handOver(task, queue, { mm: task.mm, address }, 0);
}

/** Somebody waits for the word, but not to own it. */
function isWaitedForOtherwise(queue: FutexQueue): boolean {
  return queue.length > 0 && queue.firstTid === 0;
}

/** A place in memory, and its queue. */
export interface FutexWord {
  readonly address: number;
  readonly queue: FutexQueue;
}

/** FUTEX_WAIT_REQUEUE_PI: waits for one word, to be moved to another that is a lock; 0 once that is owned. */
export async function waitForRequeue(
  task: Task,
  queue: FutexQueue,
  lock: FutexWord,
  timeout: number,
): Promise<number> {
  const waiting = queue.wait(ANY, task.tid, lock.queue);
  const result = await blockFor(task, timeout, waiting.woken, waiting.cancel);
  if (waiting.wasWoken()) return 0;
  if (result !== -Errno.EINTR) return result;
  // The word has changed since it was moved: beginning again would find just that.
  if (waiting.wasMoved()) return -Errno.EAGAIN;
  task.restarts = 'always';
  return result;
}

/** FUTEX_CMP_REQUEUE_PI: the lock goes to who waits longest if it is free, and `most` others wait for it from now on. */
export function requeueToLock(
  task: Task,
  queue: FutexQueue,
  lock: FutexWord,
  most: number,
): number {
  if (readFutexWord(task.mm, lock.address) === undefined) return -Errno.EFAULT;
  if (queue.length === 0) return 0;
  const first = queue.firstBoundFor(lock.queue);
  if (first === 0 || isWaitedForOtherwise(lock.queue)) return -Errno.EINVAL;
  const before = updateFutexWord(task.mm, lock.address, (value) => {
    const owner = value & FUTEX_TID_MASK;
    if (owner === first) return undefined;
    if (owner !== 0) return value | FUTEX_WAITERS;
    return (value & FUTEX_OWNER_DIED) | (most > 0 ? FUTEX_WAITERS : 0) | first;
  });
  if (before < 0) return before;
  if ((before & FUTEX_TID_MASK) === first) return -Errno.EDEADLK;
  const isFree = (before & FUTEX_TID_MASK) === 0;
  const owner = isFree ? first : before & FUTEX_TID_MASK;
  const holder = task.kernel.tasks.get(owner);
  if (holder === undefined) return -Errno.ESRCH;
  if (isFree) queue.wakeFirst();
  const moved = queue.requeueToLock(lock.queue, isFree ? most : most + 1, owner);
  if (lock.queue.length > 0) {
    holder.contended.set(lock.queue, { mm: task.mm, address: lock.address });
  }
  return moved < 0 ? moved : moved + Number(isFree);
}

function waitersBit(queue: FutexQueue): number {
  return queue.length > 0 ? FUTEX_WAITERS : 0;
}

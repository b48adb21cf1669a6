/** Locks that the kernel hands over, with their owner in the word: FUTEX_LOCK_PI and its kin, futex(2). */
import { Errno } from '../abi/errno.js';
import type { FutexQueue } from '../task/futex.js';
import { waitInQueue } from '../task/futex-wait.js';
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
  return handOver(task, queue, { mm: task.mm, address }, 0);
}

function waitersBit(queue: FutexQueue): number {
  return queue.length > 0 ? FUTEX_WAITERS : 0;
}

/** What the end of a thread does to the locks that it holds, set_robust_list(2) and futex(2). */
import { Errno } from '../abi/errno.js';
import { readWord } from '../abi/word.js';
import { futexQueue, updateFutexWord } from './futex-word.js';
import type { Task } from './task.js';

export const FUTEX_WAITERS = 0x80000000;
export const FUTEX_OWNER_DIED = 0x40000000;
export const FUTEX_TID_MASK = 0x3fffffff;

/** Entries looked at: a list of the guest's may go in circles. */
const MAX_ENTRIES = 2048;
const HEAD_SIZE = 24;
const ANY = 0xffffffff;
/** The lowest bit of an entry: a lock with priority inheritance. */
const PI_BIT = 1;

/** Marks each lock on the thread's list as one whose owner died, and wakes a waiter of each. */
export function releaseRobustList(task: Task): void {
  const head = Buffer.alloc(HEAD_SIZE);
  const list = Number(task.robustList);
  task.robustList = 0n;
  if (list === 0 || !task.mm.read(list, head)) return;
  const offset = Number(BigInt.asIntN(64, head.readBigInt64LE(8)));
  const pending = readWord(head, 16);
  const pointer = Buffer.alloc(8);
  let entry = readWord(head, 0);
  for (let count = 0; entry !== list && count < MAX_ENTRIES; count++) {
    // The entry is read before its lock is let go: its owner may free it then.
    const isReadable = task.mm.read(entry - (entry % 2), pointer);
    if (entry !== pending) releaseLock(task, entry, offset);
    if (!isReadable) return;
    entry = readWord(pointer, 0);
  }
  if (pending !== 0) releaseLock(task, pending, offset);
}

function releaseLock(task: Task, entry: number, offset: number): void {
  const address = entry - (entry % 2) + offset;
  if (address < 0 || address % 4 !== 0) return;
  const before = updateFutexWord(task.mm, address, (value) =>
    (value & FUTEX_TID_MASK) === task.tid
      ? ((value & FUTEX_WAITERS) | FUTEX_OWNER_DIED) >>> 0
      : undefined,
  );
  if (before === -Errno.EFAULT || (before & FUTEX_TID_MASK) !== task.tid) return;
  const queue = futexQueue(task.mm, address, false);
  task.contended.delete(queue);
  if ((entry & PI_BIT) !== 0 && queue.firstTid !== 0) {
    const next = queue.firstTid;
    updateFutexWord(task.mm, address, () => next | FUTEX_WAITERS | FUTEX_OWNER_DIED);
    queue.wakeFirst();
    return;
  }
  if ((before & FUTEX_WAITERS) !== 0) queue.wake(1, ANY);
}

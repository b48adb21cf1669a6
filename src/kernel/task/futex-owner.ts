/** Locks with an owner that others wait for in the kernel: handed over by unlocking, and by the owner's end. */
import type { MemoryManager } from '../mm/memory-manager.js';
import type { FutexQueue } from './futex.js';
import { updateFutexWord } from './futex-word.js';
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from './robust-list.js';
import type { Task } from './task.js';

/** A word as somebody who waits for it sees it. */
export interface FutexPlace {
  readonly mm: MemoryManager;
  readonly address: number;
}

/** Gives the lock to whoever waits longest, or to nobody. 0 or -EFAULT. */
export function handOver(
  from: Task,
  queue: FutexQueue,
  { mm, address }: FutexPlace,
  mark: number,
): number {
  const next = queue.firstTid;
  // As if others waited still: the new owner is to come to the kernel when it leaves.
  const owned = next | FUTEX_WAITERS | mark;
  const before = updateFutexWord(mm, address, () => (next === 0 ? mark : owned));
  if (before < 0) return before;
  from.contended.delete(queue);
  if (next === 0) return 0;
  if (queue.length > 1) from.kernel.tasks.get(next)?.contended.set(queue, { mm, address });
  queue.wakeFirst();
  return 0;
}

/** The thread lets go of its memory while others wait for its locks: they learn that the owner died (futex(2)). */
export function releaseContended(task: Task): void {
  for (const [queue, place] of [...task.contended]) {
    task.contended.delete(queue);
    if (place.mm.isReleased) continue;
    const word = updateFutexWord(place.mm, place.address, () => undefined);
    if (word >= 0 && (word & FUTEX_TID_MASK) === task.tid) {
      handOver(task, queue, place, FUTEX_OWNER_DIED);
    }
  }
}

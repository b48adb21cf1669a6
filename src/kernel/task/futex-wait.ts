/** Waiting in the queue of a word, futex(2). */
import { Errno } from '../abi/errno.js';
import { after } from '../time/timeout.js';
import type { FutexQueue } from './futex.js';
import type { Task } from './task.js';

export interface FutexWait {
  readonly bitset: number;
  /** Milliseconds; `Infinity`: without end. */
  readonly timeout: number;
  /** The thread that is to own the word, for locks that are handed over. */
  readonly owner?: number;
}

/** 0 where somebody woke it; -ETIMEDOUT, -EINTR. */
export async function waitInQueue(task: Task, queue: FutexQueue, wait: FutexWait): Promise<number> {
  const { woken, cancel, wasWoken } = queue.wait(wait.bitset, wait.owner);
  if (wait.timeout === Infinity) return task.block(woken, cancel);
  const result = await blockFor(task, wait.timeout, woken, cancel);
  return wasWoken() ? 0 : result;
}

/** As `Task.block`, with an end: -ETIMEDOUT. */
export async function blockFor(
  task: Task,
  timeout: number,
  woken: Promise<number>,
  cancel: () => void,
): Promise<number> {
  if (timeout === Infinity) return task.block(woken, cancel);
  let stop = (): void => undefined;
  const late = new Promise<number>((resolve) => {
    stop = after(timeout, () => {
      cancel();
      resolve(-Errno.ETIMEDOUT);
    });
  });
  const result = await task.block(Promise.race([woken, late]), cancel);
  stop();
  return result;
}

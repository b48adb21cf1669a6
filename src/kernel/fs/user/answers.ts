/**
 * Waiting for a file system of the user's. The kernel's own code for files never waits: a question that is not answered
 * at once fails with PENDING, the call fails with it, and is made again from the start when the answer is there. Until the
 * call is done its answers stay, so that each question is asked once.
 */
import { Errno } from '../../abi/errno.js';
import type { SyscallResult } from '../../syscalls/row.js';
import type { Task } from '../../task/task.js';

/** In place of -errno, and never seen by a program. */
export const PENDING = -1024;

class Answers {
  readonly settled = new Map<string, unknown>();
  readonly #releases = new Set<() => void>();
  /** What was asked last. */
  wait: Promise<void> | undefined;

  /** Calls `release` when the call is done. */
  hold(release: () => void): void {
    this.#releases.add(release);
  }

  release(): void {
    for (const release of this.#releases) release();
    this.#releases.clear();
  }
}

/** Of the call that is being made again. */
let current: Answers | undefined;
/** Of the call that has just failed with PENDING for the first time. */
let begun: Answers | undefined;
/** Of calls that go on after they have waited for something else. */
const byTask = new WeakMap<Task, Answers>();

/**
 * The answer to `question`, an errno for its failure as `toErrno` says, or PENDING. `key` tells questions apart. `hold`,
 * if given, is called where there is something to wait for, and what it gives when the call is done.
 */
export function ask<T>(
  key: string,
  question: () => T | PromiseLike<T>,
  toErrno: (error: unknown) => number,
  hold?: () => () => void,
): T | number {
  if (current?.settled.has(key) === true) return current.settled.get(key) as T | number;
  let answer;
  try {
    answer = question();
  } catch (error) {
    return toErrno(error);
  }
  if (!isPromise(answer)) return answer;
  const answers = current ?? begin();
  if (hold !== undefined) answers.hold(hold());
  answers.wait = Promise.resolve(answer).then(
    (value) => void answers.settled.set(key, value),
    (error: unknown) => void answers.settled.set(key, toErrno(error)),
  );
  return PENDING;
}

function begin(): Answers {
  begun?.release();
  begun = new Answers();
  return begun;
}

export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}

/** Makes a call again, which has failed with PENDING, until it does not. */
export async function answered(task: Task, call: () => SyscallResult): Promise<number> {
  const answers = takeBegun();
  byTask.set(task, answers);
  try {
    for (;;) {
      const waited = await task.blockUntilEnding(answers.wait ?? Promise.resolve());
      if (typeof waited === 'number') return -Errno.EINTR;
      const result = await withAnswers(answers, call);
      if (result !== PENDING) return result;
    }
  } finally {
    byTask.delete(task);
    answers.release();
  }
}

/** As `answered`, for what no task does; `isPending` knows the error that stands for PENDING. */
export async function answeredOutside<T>(
  operation: () => Promise<T>,
  isPending: (error: unknown) => boolean,
): Promise<T> {
  let answers: Answers | undefined;
  try {
    for (;;) {
      try {
        return await withAnswers(answers, operation);
      } catch (error) {
        if (!isPending(error)) throw error;
        answers ??= takeBegun();
        await answers.wait;
      }
    }
  } finally {
    answers?.release();
  }
}

/** The rest of a call that has waited for something else: what was answered before is known in it. */
export function goOn<T>(task: Task, rest: () => T): T {
  return withAnswers(byTask.get(task), rest);
}

function takeBegun(): Answers {
  const answers = begun ?? new Answers();
  begun = undefined;
  return answers;
}

/** Only as far as `call` runs without waiting. */
function withAnswers<T>(answers: Answers | undefined, call: () => T): T {
  const before = current;
  current = answers;
  try {
    return call();
  } finally {
    current = before;
  }
}

/** What poll(2) and select(2) have in common. */
import { Errno } from '../abi/errno.js';
import type { OpenFile } from '../fs/open-file.js';
import { SignalSet } from '../signal/signal-set.js';
import type { Task } from '../task/task.js';
import { after } from '../time/timeout.js';
import { readTimespec, writeTimespec } from '../time/timespec.js';

/** Files, and the events of each that matter. A guest may name one file a million times. */
export class Interests {
  readonly files = new Map<OpenFile, number>();

  add(file: OpenFile, events: number): void {
    this.files.set(file, (this.files.get(file) ?? 0) | events);
  }
}

/** What holds of files during one look at them: each is asked once. */
export class Readiness {
  readonly #events = new Map<OpenFile, number>();

  constructor(readonly task: Task) {}

  of(file: OpenFile): number {
    let events = this.#events.get(file);
    if (events === undefined) {
      events = file.poll(this.task);
      this.#events.set(file, events);
    }
    return events;
  }
}

/**
 * Waits until `evaluate` gives more than 0, `milliseconds` have passed (0 is the result), or a signal comes
 * (-EINTR). Files are held open meanwhile.
 */
export async function waitForAny(
  task: Task,
  { files }: Interests,
  milliseconds: number,
  evaluate: () => number,
): Promise<number> {
  const state = { expired: false, wake: (): void => undefined };
  const stops = [...files].map(([file, events]) => {
    file.incRef();
    const wake = (): void => {
      state.wake();
    };
    return file.watch(events, wake, task);
  });
  const cancelTimer =
    milliseconds === Infinity
      ? () => undefined
      : after(milliseconds, () => {
          state.expired = true;
          state.wake();
        });
  try {
    for (;;) {
      const woken = new Promise<number>((resolve) => {
        state.wake = () => {
          resolve(0);
        };
      });
      // What became ready since the last look must not be slept over.
      const ready = evaluate();
      if (ready !== 0 || state.expired) {
        return ready;
      }
      const error = await task.block(woken, () => undefined);
      if (error < 0) {
        return error;
      }
    }
  } finally {
    cancelTimer();
    for (const stop of stops) {
      stop();
    }
    for (const file of files.keys()) {
      file.decRef();
    }
  }
}

const MAX_WAIT = 2 ** 52;

/** Milliseconds that a struct timespec asks for; `Infinity` for none; -errno. */
export function deadlineOf(task: Task, address: number): number {
  if (address === 0) {
    return Infinity;
  }
  const time = readTimespec(task.mm, address);
  if (typeof time === 'number') {
    return time;
  }
  return Math.min(time.seconds * 1000 + time.nanoseconds / 1e6, MAX_WAIT);
}

/** Linux tells how much of the time was left. A fault there is not reported. */
export function writeRemaining(task: Task, address: number, milliseconds: number): void {
  if (address !== 0 && milliseconds !== Infinity) {
    const left = Math.max(0, milliseconds);
    const seconds = Math.floor(left / 1000);
    const nanoseconds = Math.floor((left - seconds * 1000) * 1e6);
    writeTimespec(task.mm, address, { seconds, nanoseconds });
  }
}

const SIGSET_SIZE = 8;

/** The signal mask for the time of the call; 0 or -errno. */
export function applyMask(task: Task, address: number, size: number): number {
  if (address === 0) {
    return 0;
  }
  if (size !== SIGSET_SIZE) {
    return -Errno.EINVAL;
  }
  const bytes = new Uint8Array(SIGSET_SIZE);
  if (task.mm.copyIn(address, bytes) < SIGSET_SIZE) {
    return -Errno.EFAULT;
  }
  task.savedMask = task.blocked;
  task.setBlocked(SignalSet.decode(bytes));
  return 0;
}

/**
 * Ends the mask that `applyMask` set, now that the call has its result: signals that it let through no longer
 * count. Cut short (-EINTR) the mask stays until they are delivered.
 */
export function restoreMask(task: Task, result: number): number {
  if (task.savedMask !== undefined && result !== -Errno.EINTR) {
    task.blocked = task.savedMask;
    task.savedMask = undefined;
  }
  return result;
}

/** As `restoreMask`, for calls that a signal cuts short even where they would not have waited. */
export function endPoll(task: Task, result: number): number {
  const cutShort = result === 0 && task.savedMask !== undefined && task.hasWork;
  return restoreMask(task, cutShort ? -Errno.EINTR : result);
}

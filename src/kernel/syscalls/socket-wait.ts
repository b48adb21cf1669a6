/** Waiting for sockets: until something can be done, a time has passed, or a signal comes. */
import { Errno } from '../abi/errno.js';
import type { Socket } from '../net/socket.js';
import type { Task } from '../task/task.js';
import { after } from '../time/timeout.js';
import type { SyscallResult } from './row.js';

/**
 * Does `act` until it gives something else than -EAGAIN, waiting for `events` in between. That -EAGAIN is the
 * result where `timeout` milliseconds have passed, or at once for a `timeout` of 0.
 */
export function attempt(
  task: Task,
  socket: Socket,
  events: number,
  timeout: number,
  act: () => number,
): SyscallResult {
  const result = act();
  if (result !== -Errno.EAGAIN || timeout === 0) return result;
  return attemptLater(task, socket, events, timeout, act);
}

async function attemptLater(
  task: Task,
  socket: Socket,
  events: number,
  timeout: number,
  act: () => number,
): Promise<number> {
  const state = { expired: false, wake: (): void => undefined };
  const stop = socket.watch(events, () => {
    state.wake();
  });
  const stopTimer =
    timeout === Infinity
      ? undefined
      : after(timeout, () => {
          state.expired = true;
          state.wake();
        });
  socket.incRef();
  try {
    for (;;) {
      const woken = new Promise<number>((resolve) => {
        state.wake = () => {
          resolve(0);
        };
      });
      const error = await task.block(woken, () => undefined);
      if (error < 0) {
        // Not begun again: the time would begin anew (signal(7), SO_RCVTIMEO).
        if (timeout !== Infinity) task.restarts = 'never';
        return error;
      }
      const result = act();
      if (result !== -Errno.EAGAIN || state.expired) return result;
    }
  } finally {
    stop();
    stopTimer?.();
    socket.decRef();
  }
}

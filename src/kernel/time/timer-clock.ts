/** Clocks that timers count on: wall time, and CPU time that passes only while somebody runs. */
import { monotonic, realtimeMilliseconds, toMilliseconds } from './clock.js';
import { after } from './timeout.js';

export interface TimerClock {
  /** Milliseconds. */
  now(): number;
  /** Calls `act` when `duration` more may have passed on the clock; whoever it matters to looks again. */
  after(duration: number, act: () => void): () => void;
}

/** As programs read it, since points in time are told by it. */
export const monotonicClock: TimerClock = { now: () => toMilliseconds(monotonic()), after };

/** The time of day may be set: long waits are looked at now and then. */
const LONGEST_LOOK = 1000;

export const realtimeClock: TimerClock = {
  now: realtimeMilliseconds,
  after: (duration, act) => after(Math.min(duration, LONGEST_LOOK), act),
};

/** So often at most is CPU time compared with what is waited for. */
const SHORTEST_LOOK = 4;

/** A clock over CPU time that up to `threads` threads use up at the same time. */
export function cpuClock(now: () => number, threads: () => number): TimerClock {
  return {
    now,
    after: (duration, act) => after(Math.max(duration / threads(), SHORTEST_LOOK), act),
  };
}

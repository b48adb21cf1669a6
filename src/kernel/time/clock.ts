/** The clocks of clock_gettime(2). */
export const ClockId = {
  Realtime: 0,
  Monotonic: 1,
  ProcessCpu: 2,
  ThreadCpu: 3,
  MonotonicRaw: 4,
  RealtimeCoarse: 5,
  MonotonicCoarse: 6,
  Boottime: 7,
  RealtimeAlarm: 8,
  BoottimeAlarm: 9,
  Tai: 11,
} as const;

export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export const NANOSECONDS = 1_000_000_000;

/** The host's monotonic clock reading at which its real-time clock read zero, in milliseconds. */
let epoch = performance.timeOrigin;

/** Milliseconds since 1970. Finer than Date.now(), and following it where the host's clock is set. */
export function realtimeMilliseconds(): number {
  const fine = epoch + performance.now();
  const coarse = Date.now();
  if (fine >= coarse - 1 && fine < coarse + 2) return fine;
  epoch = coarse - performance.now();
  return coarse;
}

export function fromMilliseconds(milliseconds: number): Timespec {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanoseconds: Math.floor((milliseconds - seconds * 1000) * 1e6) };
}

export function toMilliseconds({ seconds, nanoseconds }: Timespec): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

export function monotonic(): Timespec {
  const [seconds, nanoseconds] = process.hrtime();
  return { seconds, nanoseconds };
}

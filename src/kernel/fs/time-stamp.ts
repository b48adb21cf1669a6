/** The time that file timestamps get. */
import type { Timespec } from '../abi/stat.js';

export function now(): Timespec {
  const microseconds = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  return {
    seconds: Math.floor(microseconds / 1e6),
    nanoseconds: (microseconds % 1e6) * 1000,
  };
}

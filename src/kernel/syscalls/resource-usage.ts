import { putLong, putTimeval } from '../time/timespec.js';

const RUSAGE_SIZE = 144;
const RU_MAXRSS = 32;

/** `struct rusage` (getrusage(2)): user time in milliseconds and resident bytes; the rest is zero. */
export function encodeUsage(cpuTime: number, peakResident: number): Buffer {
  const bytes = Buffer.alloc(RUSAGE_SIZE);
  putTimeval(bytes, 0, cpuTime);
  putLong(bytes, RU_MAXRSS, Math.floor(peakResident / 1024));
  return bytes;
}

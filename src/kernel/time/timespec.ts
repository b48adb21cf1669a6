/** `struct timespec` and `struct timeval` in guest memory, and points in time on the clocks. */
import { Errno } from '../abi/errno.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import {
  ClockId,
  NANOSECONDS,
  monotonic,
  realtimeMilliseconds,
  toMilliseconds,
  type Timespec,
} from './clock.js';

const SIZE = 16;
const TWO_32 = 4294967296;
const MAX_INT32 = 0x7fff_ffff;
const MAX_INT64 = 0x7fff_ffff_ffff_ffffn;

/** -EFAULT; -EINVAL where it is negative or has more nanoseconds than a second. */
export function readTimespec(mm: MemoryManager, address: number): Timespec | number {
  return readPair(mm, address, NANOSECONDS, 1);
}

/** A timeval, in the form of a timespec. */
export function readTimeval(mm: MemoryManager, address: number): Timespec | number {
  return readPair(mm, address, 1_000_000, 1000);
}

function readPair(
  mm: MemoryManager,
  address: number,
  limit: number,
  scale: number,
): Timespec | number {
  const bytes = Buffer.alloc(SIZE);
  if (!mm.read(address, bytes)) return -Errno.EFAULT;
  const seconds = readLong(bytes, 0);
  const fraction = readLong(bytes, 8);
  if (seconds < 0 || fraction < 0 || fraction >= limit) return -Errno.EINVAL;
  return { seconds, nanoseconds: fraction * scale };
}

export function writeTimespec(mm: MemoryManager, address: number, time: Timespec): number {
  const bytes = Buffer.alloc(SIZE);
  putTimespec(bytes, 0, time);
  return mm.write(address, bytes);
}

export function putTimespec(bytes: Buffer, at: number, time: Timespec): void {
  putLong(bytes, at, time.seconds);
  putLong(bytes, at + 8, time.nanoseconds);
}

export function putTimeval(bytes: Buffer, at: number, milliseconds: number): void {
  const seconds = Math.floor(milliseconds / 1000);
  putLong(bytes, at, seconds);
  putLong(bytes, at + 8, Math.floor((milliseconds - seconds * 1000) * 1000));
}

/** Milliseconds from now until `time` on a clock; negative once it has passed. */
export function millisecondsUntil(clock: number, time: Timespec): number {
  const realtime =
    clock === ClockId.Realtime || clock === ClockId.RealtimeAlarm || clock === ClockId.Tai;
  return toMilliseconds(time) - (realtime ? realtimeMilliseconds() : toMilliseconds(monotonic()));
}

/** A signed 64-bit number, exact below 2^53. */
export function readLong(bytes: Buffer, at: number): number {
  return bytes.readInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}

/** What is rounded to 2^63 or beyond becomes the largest. */
export function putLong(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  if (high > MAX_INT32) {
    bytes.writeBigInt64LE(MAX_INT64, at);
    return;
  }
  bytes.writeUInt32LE(value - high * TWO_32, at);
  bytes.writeInt32LE(high, at + 4);
}

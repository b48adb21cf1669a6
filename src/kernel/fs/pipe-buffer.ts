/** The buffer between the ends of a pipe, pipe(7). */
import { Errno } from '../abi/errno.js';
import { nextAnonymousInode } from './anonymous-stat.js';
import { ByteRing } from './byte-ring.js';
import type { KernelMemory } from './kernel-memory.js';
import { WaitQueue } from './wait-queue.js';

export const DEFAULT_PIPE_SIZE = 65536;
/** /proc/sys/fs/pipe-max-size */
const MAX_PIPE_SIZE = 1048576;
const MIN_PIPE_SIZE = 4096;
/** Writes of so much are atomic; each packet takes as much room. */
export const PIPE_BUF = 4096;

/** Bytes that belong together. */
interface Run {
  length: number;
  /** Read by one read(2), which loses what it does not take (O_DIRECT, pipe2(2)). */
  readonly packet: boolean;
}

export class PipeBuffer {
  readonly inode = nextAnonymousInode();
  readonly queue = new WaitQueue();
  readers = 0;
  writers = 0;
  /** How often an end was opened: who waits for the other end must not miss one that closed again. */
  readerOpens = 0;
  writerOpens = 0;
  #ring = new ByteRing(DEFAULT_PIPE_SIZE);
  /** Empty where nothing but bytes in a row was written. */
  #runs: Run[] = [];

  constructor(
    readonly kernelMemory: KernelMemory,
    /** Called when both ends are closed. */
    readonly onUnused: () => void = () => undefined,
  ) {}

  /** Takes the room for its bytes; false where there is none. */
  reserve(): boolean {
    return this.kernelMemory.take(this.capacity);
  }

  opened(reads: boolean, writes: boolean): void {
    this.readers += reads ? 1 : 0;
    this.readerOpens += reads ? 1 : 0;
    this.writers += writes ? 1 : 0;
    this.writerOpens += writes ? 1 : 0;
  }

  /** Gives everything back once both ends are closed. */
  closed(reads: boolean, writes: boolean): void {
    this.readers -= reads ? 1 : 0;
    this.writers -= writes ? 1 : 0;
    if (this.readers === 0 && this.writers === 0) {
      this.kernelMemory.give(this.capacity);
      this.onUnused();
    }
  }

  get capacity(): number {
    return this.#ring.capacity;
  }

  get length(): number {
    return this.#ring.length;
  }

  get free(): number {
    const packets = this.#runs.length * PIPE_BUF;
    return Math.max(0, this.capacity - Math.max(this.#ring.length, packets));
  }

  /** At most a packet, where the first bytes are one. */
  take(dst: Uint8Array): number {
    const count = this.peek(dst);
    const [first] = this.#runs;
    this.drop(first?.packet === true ? first.length : count);
    return count;
  }

  /** What `take` would give; it stays. */
  peek(dst: Uint8Array): number {
    const [first] = this.#runs;
    return this.#ring.peek(first === undefined ? dst : dst.subarray(0, first.length));
  }

  drop(count: number): void {
    this.#ring.drop(count);
    let left = count;
    while (left > 0 && this.#runs[0] !== undefined) {
      const taken = Math.min(left, this.#runs[0].length);
      this.#runs[0].length -= taken;
      left -= taken;
      if (this.#runs[0].length === 0) {
        this.#runs.shift();
      }
    }
  }

  put(src: Uint8Array, packet = false): number {
    const before = this.#ring.length;
    const count = this.#ring.put(packet ? src.subarray(0, PIPE_BUF) : src);
    this.#note(before, count, packet);
    return count;
  }

  #note(before: number, count: number, packet: boolean): void {
    if (count === 0 || (!packet && this.#runs.length === 0)) {
      return;
    }
    if (this.#runs.length === 0 && before > 0) {
      this.#runs.push({ length: before, packet: false });
    }
    const last = this.#runs.at(-1);
    if (!packet && last?.packet === false) {
      last.length += count;
    } else {
      this.#runs.push({ length: count, packet });
    }
  }

  /** Bytes that were taken go back to the front. */
  putBack(bytes: Uint8Array): void {
    const rest = new Uint8Array(this.length);
    const runs = this.#runs;
    this.#ring.take(rest);
    this.#ring.put(bytes);
    this.#ring.put(rest);
    if (runs.length > 0) {
      runs.unshift({ length: bytes.length, packet: true });
    }
  }

  /** F_SETPIPE_SZ: the size it got, or -errno. */
  resize(wanted: number): number {
    if (wanted > MAX_PIPE_SIZE) {
      return -Errno.EPERM;
    }
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(MIN_PIPE_SIZE, wanted)));
    if (capacity < this.length || capacity < this.#runs.length * PIPE_BUF) {
      return -Errno.EBUSY;
    }
    if (!this.kernelMemory.take(capacity - this.capacity)) {
      return -Errno.EPERM;
    }
    const contents = new Uint8Array(this.length);
    this.#ring.take(contents);
    this.#ring = new ByteRing(capacity);
    this.#ring.put(contents);
    return capacity;
  }
}

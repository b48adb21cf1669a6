/** Pipes, pipe(7). */
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import { fillAnonymousStat, nextAnonymousInode } from './anonymous-stat.js';
import { PIPE_DEVICE } from './device-numbers.js';
import type { KernelMemory } from './kernel-memory.js';
import { OpenFile } from './open-file.js';
import { WaitQueue } from './wait-queue.js';

export const DEFAULT_PIPE_SIZE = 65536;
/** /proc/sys/fs/pipe-max-size */
const MAX_PIPE_SIZE = 1048576;
const MIN_PIPE_SIZE = 4096;
/** Writes of so much are atomic. */
const PIPE_BUF = 4096;

/** The buffer between the ends. */
class Pipe {
  readonly inode = nextAnonymousInode();
  readonly queue = new WaitQueue();
  readers = 1;
  writers = 1;
  capacity = DEFAULT_PIPE_SIZE;
  /** A ring of bytes; allocated with the first write. */
  #ring: Uint8Array | undefined;
  #start = 0;
  length = 0;

  constructor(readonly kernelMemory: KernelMemory) {}

  /** Takes the room for its bytes; false where there is none. */
  open(): boolean {
    return this.kernelMemory.take(this.capacity);
  }

  /** Gives everything back once both ends are closed. */
  closeIfUnused(): void {
    if (this.readers === 0 && this.writers === 0) {
      this.kernelMemory.give(this.capacity);
      this.#ring = undefined;
    }
  }

  get free(): number {
    return this.capacity - this.length;
  }

  take(dst: Uint8Array): number {
    const count = Math.min(dst.length, this.length);
    if (this.#ring === undefined || count === 0) {
      return 0;
    }
    const first = Math.min(count, this.#ring.length - this.#start);
    dst.set(this.#ring.subarray(this.#start, this.#start + first));
    dst.set(this.#ring.subarray(0, count - first), first);
    this.#start = (this.#start + count) % this.#ring.length;
    this.length -= count;
    return count;
  }

  put(src: Uint8Array): number {
    this.#ring ??= new Uint8Array(this.capacity);
    const count = Math.min(src.length, this.free);
    const end = (this.#start + this.length) % this.#ring.length;
    const first = Math.min(count, this.#ring.length - end);
    this.#ring.set(src.subarray(0, first), end);
    this.#ring.set(src.subarray(first, count), 0);
    this.length += count;
    return count;
  }

  /** Bytes that were taken go back to the front. */
  putBack(bytes: Uint8Array): void {
    const rest = new Uint8Array(this.length);
    this.take(rest);
    this.put(bytes);
    this.put(rest);
  }

  /** F_SETPIPE_SZ: the size it got, or -errno. */
  resize(wanted: number): number {
    if (wanted > MAX_PIPE_SIZE) {
      return -Errno.EPERM;
    }
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(MIN_PIPE_SIZE, wanted)));
    if (capacity < this.length) {
      return -Errno.EBUSY;
    }
    if (!this.kernelMemory.take(capacity - this.capacity)) {
      return -Errno.EPERM;
    }
    const contents = new Uint8Array(this.length);
    this.take(contents);
    this.#ring = undefined;
    this.#start = 0;
    this.capacity = capacity;
    if (contents.length > 0) {
      this.put(contents);
    }
    return capacity;
  }
}

/** One end of a pipe. */
export class PipeFile extends OpenFile {
  readonly #pipe: Pipe;

  constructor(flags: number, pipe: Pipe) {
    super(flags);
    this.#pipe = pipe;
  }

  override read(dst: Uint8Array): number {
    const count = this.#pipe.take(dst);
    if (count > 0) {
      this.#pipe.queue.wake(POLL_WRITABLE);
      return count;
    }
    return this.#pipe.writers === 0 || dst.length === 0 ? 0 : -Errno.EAGAIN;
  }

  override unread(bytes: Uint8Array): void {
    this.#pipe.putBack(bytes);
  }

  override write(src: Uint8Array): number {
    if (this.#pipe.readers === 0) {
      return -Errno.EPIPE;
    }
    const { free } = this.#pipe;
    if (src.length > 0 && (free === 0 || (src.length <= PIPE_BUF && src.length > free))) {
      return -Errno.EAGAIN;
    }
    const count = this.#pipe.put(src);
    this.#pipe.queue.wake(POLL_READABLE);
    return count;
  }

  override poll(): number {
    const pipe = this.#pipe;
    let events = 0;
    if (this.readable) {
      events |= pipe.length > 0 ? POLL_READABLE : 0;
      events |= pipe.writers === 0 ? Poll.HUP : 0;
    }
    if (this.writable) {
      events |= pipe.free >= PIPE_BUF ? POLL_WRITABLE : 0;
      events |= pipe.readers === 0 ? Poll.ERR : 0;
    }
    return events;
  }

  override watch(events: number, wake: () => void): () => void {
    return this.#pipe.queue.add(events | Poll.HUP | Poll.ERR, wake);
  }

  /** FIONREAD */
  get available(): number {
    return this.#pipe.length;
  }

  get capacity(): number {
    return this.#pipe.capacity;
  }

  resize(wanted: number): number {
    const result = this.#pipe.resize(wanted);
    this.#pipe.queue.wake(POLL_WRITABLE);
    return result;
  }

  override stat(out: StatRecord): number {
    return fillAnonymousStat(out, Mode.S_IFIFO | 0o600, PIPE_DEVICE, this.#pipe.inode);
  }

  override describe(): string {
    return `pipe:[${String(this.#pipe.inode)}]`;
  }

  protected override onClose(): void {
    if (this.readable) {
      this.#pipe.readers--;
    }
    if (this.writable) {
      this.#pipe.writers--;
    }
    this.#pipe.closeIfUnused();
    this.#pipe.queue.wake(POLL_READABLE | POLL_WRITABLE | Poll.HUP | Poll.ERR);
  }
}

/** The reading and the writing end; -ENFILE where pipes hold all that they may. */
export function createPipe(
  flags: number,
  kernelMemory: KernelMemory,
): [PipeFile, PipeFile] | number {
  const pipe = new Pipe(kernelMemory);
  if (!pipe.open()) {
    return -Errno.ENFILE;
  }
  return [new PipeFile(O.RDONLY | flags, pipe), new PipeFile(O.WRONLY | flags, pipe)];
}

/** The ends of pipes, and of FIFOs, which are pipes with a name: pipe(7), fifo(7). */
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import { fillAnonymousStat } from './anonymous-stat.js';
import { PIPE_DEVICE } from './device-numbers.js';
import type { Inode } from './inode.js';
import type { KernelMemory } from './kernel-memory.js';
import type { Location } from './location.js';
import { OpenFile } from './open-file.js';
import { PIPE_BUF, PipeBuffer } from './pipe-buffer.js';

const EVERYTHING = POLL_READABLE | POLL_WRITABLE | Poll.HUP | Poll.ERR;

export class PipeFile extends OpenFile {
  readonly #pipe: PipeBuffer;
  /** Openings of the other end up to its own: a FIFO's end is not hung up before somebody was there. */
  readonly #writersBefore: number;
  readonly #readersBefore: number;

  constructor(flags: number, pipe: PipeBuffer, location?: Location) {
    super(flags, location);
    this.#pipe = pipe;
    pipe.opened(this.readable, this.writable);
    this.#writersBefore = location === undefined ? 0 : pipe.writerOpens;
    this.#readersBefore = location === undefined ? 0 : pipe.readerOpens;
  }

  override get signalsReadiness(): boolean {
    return true;
  }

  override get canPoll(): boolean {
    return true;
  }

  /** open(2) of a FIFO waits for the other end, unless it does not wait at all. */
  override get awaitsPeer(): boolean {
    const pipe = this.#pipe;
    if (this.readable && this.writable) {
      return false;
    }
    return this.readable
      ? pipe.writers === 0 && pipe.writerOpens === this.#writersBefore && !this.nonBlocking
      : pipe.readers === 0 && pipe.readerOpens === this.#readersBefore;
  }

  /** Tells the other end that this one is there. */
  announce(): void {
    this.#pipe.queue.wake(EVERYTHING);
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
    const packets = (this.flags & O.DIRECT) !== 0;
    const atomic = Math.min(src.length, packets ? PIPE_BUF : src.length);
    if (src.length > 0 && (free === 0 || (atomic <= PIPE_BUF && atomic > free))) {
      return -Errno.EAGAIN;
    }
    const count = this.#pipe.put(src, packets);
    this.#pipe.queue.wake(POLL_READABLE);
    return count;
  }

  override poll(): number {
    const pipe = this.#pipe;
    let events = 0;
    if (this.readable) {
      const wasThere = pipe.writerOpens !== this.#writersBefore || this.location === undefined;
      events |= pipe.length > 0 ? POLL_READABLE : 0;
      events |= pipe.writers === 0 && wasThere ? Poll.HUP : 0;
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

  /** The two ends of one pipe, or one end twice. */
  isOf(other: PipeFile): boolean {
    return this.#pipe === other.#pipe;
  }

  /** Copies what a read would give; it stays. */
  peek(dst: Uint8Array): number {
    return this.#pipe.peek(dst);
  }

  /** Takes away bytes that were looked at. */
  drop(count: number): void {
    this.#pipe.drop(count);
    this.#pipe.queue.wake(POLL_WRITABLE);
  }

  /** FIONREAD */
  get available(): number {
    return this.#pipe.length;
  }

  /** Bytes that a write of any length takes at once. */
  get room(): number {
    return this.#pipe.free;
  }

  get hasWriters(): boolean {
    return this.#pipe.writers > 0;
  }

  get hasReaders(): boolean {
    return this.#pipe.readers > 0;
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
    return (
      this.inode?.stat(out) ??
      fillAnonymousStat(out, Mode.S_IFIFO | 0o600, PIPE_DEVICE, this.#pipe.inode, this.#pipe)
    );
  }

  protected override get identity(): object {
    return this.#pipe;
  }

  override describe(): string {
    return `pipe:[${String(this.#pipe.inode)}]`;
  }

  protected override onClose(): void {
    this.#pipe.closed(this.readable, this.writable);
    this.#pipe.queue.wake(EVERYTHING);
  }
}

/** The reading and the writing end; -ENFILE where pipes hold all that they may. */
export function createPipe(
  flags: number,
  kernelMemory: KernelMemory,
): [PipeFile, PipeFile] | number {
  const pipe = new PipeBuffer(kernelMemory);
  if (!pipe.reserve()) {
    return -Errno.ENFILE;
  }
  const reading = O.RDONLY | (flags & ~O.DIRECT);
  return [new PipeFile(reading, pipe), new PipeFile(O.WRONLY | flags, pipe)];
}

/** The pipes behind FIFOs that are open. */
const fifos = new WeakMap<Inode, PipeBuffer>();

/** An end of a FIFO, or both. Where it has to wait for the other, `awaitsPeer` says so. */
export function openFifo(
  inode: Inode,
  location: Location,
  flags: number,
  kernelMemory: KernelMemory,
): PipeFile | number {
  let pipe = fifos.get(inode);
  const writesOnly = (flags & O.ACCMODE) === O.WRONLY;
  if (writesOnly && (flags & O.NONBLOCK) !== 0 && (pipe?.readers ?? 0) === 0) {
    return -Errno.ENXIO;
  }
  if (pipe === undefined) {
    pipe = new PipeBuffer(kernelMemory, () => {
      fifos.delete(inode);
    });
    if (!pipe.reserve()) {
      return -Errno.ENFILE;
    }
    fifos.set(inode, pipe);
  }
  const file = new PipeFile(flags, pipe, location);
  file.announce();
  return file;
}

/** This side of the pipes that a program has as its standard streams, as streams of Node.js. */
import { Readable, Writable } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { Errno } from '../kernel/abi/errno.js';
import { POLL_READABLE, POLL_WRITABLE } from '../kernel/abi/poll.js';
import type { PipeFile } from '../kernel/fs/pipe.js';

/** What a read takes at most: a pipe's usual size. */
const CHUNK = 65536;

/** An end of a pipe that is waited for in the event loop: never inside the call of the program's that ends the wait. */
class PipeEnd {
  #stop: (() => void) | undefined;
  #turn: NodeJS.Immediate | undefined;
  #isClosed = false;

  constructor(readonly pipe: PipeFile) {}

  get isWaiting(): boolean {
    return this.#stop !== undefined || this.#turn !== undefined;
  }

  /** Calls `then` once, when one of `events` may hold. */
  wait(events: number, then: () => void): void {
    this.#stop = this.pipe.watch(events, () => {
      this.#stop?.();
      this.#stop = undefined;
      this.#turn ??= setImmediate(() => {
        this.#turn = undefined;
        then();
      });
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stop?.();
    clearImmediate(this.#turn);
    this.pipe.decRef();
  }
}

/** What the program writes. A program that is ahead of the reader waits. */
export class PipeReader extends Readable {
  readonly #end: PipeEnd;

  constructor(pipe: PipeFile) {
    super();
    this.#end = new PipeEnd(pipe);
  }

  override _read(): void {
    if (this.#end.isWaiting) return;
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, this.#end.pipe.available)));
    const count = this.#end.pipe.read(chunk);
    if (count > 0) this.push(chunk.subarray(0, count));
    else if (count === -Errno.EAGAIN) this.#end.wait(POLL_READABLE, () => this._read());
    else this.push(null);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#end.close();
    callback(error);
  }
}

/** What the program reads. It fails with EPIPE once nobody in the sandbox can. */
export class PipeWriter extends Writable {
  readonly #end: PipeEnd;
  /** Of the write that waits for room. */
  #written: ((error?: Error) => void) | undefined;

  constructor(pipe: PipeFile) {
    super();
    this.#end = new PipeEnd(pipe);
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    const count = this.#end.pipe.write(chunk);
    if (count === chunk.length) {
      callback();
    } else if (count >= 0 || count === -Errno.EAGAIN) {
      const rest = chunk.subarray(Math.max(0, count));
      this.#written = callback;
      this.#end.wait(POLL_WRITABLE, () => {
        this.#written = undefined;
        this._write(rest, _encoding, callback);
      });
    } else {
      callback(writeError(-count));
    }
  }

  override _final(callback: () => void): void {
    this.#end.close();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#end.close();
    this.#written?.(error ?? writeError(Errno.EPIPE));
    callback(error);
  }
}

function writeError(errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`write ${code}`), { errno: -errno, code, syscall: 'write' });
}

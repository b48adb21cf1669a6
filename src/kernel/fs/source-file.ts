/** Input that the user of the library gives: bytes, or a stream of them. */
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Poll, POLL_READABLE } from '../abi/poll.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import { fillAnonymousStat, nextAnonymousInode } from './anonymous-stat.js';
import { PIPE_DEVICE } from './device-numbers.js';
import { OpenFile } from './open-file.js';
import { WaitQueue } from './wait-queue.js';

/** Looks like the reading end of a pipe. A stream is asked for more only when the guest reads. */
export class SourceFile extends OpenFile {
  readonly #inode = nextAnonymousInode();
  readonly #queue = new WaitQueue();
  readonly #stream: AsyncIterator<Uint8Array> | undefined;
  #chunk: Uint8Array = new Uint8Array(0);
  #ended: boolean;
  #pulling = false;

  constructor(source: Uint8Array | AsyncIterable<Uint8Array>) {
    super(O.RDONLY);
    if (source instanceof Uint8Array) {
      this.#chunk = source;
      this.#ended = true;
    } else {
      this.#stream = source[Symbol.asyncIterator]();
      this.#ended = false;
    }
  }

  override read(dst: Uint8Array): number {
    if (this.#chunk.length > 0) {
      const count = Math.min(dst.length, this.#chunk.length);
      dst.set(this.#chunk.subarray(0, count));
      this.#chunk = this.#chunk.subarray(count);
      return count;
    }
    if (this.#ended || dst.length === 0) {
      return 0;
    }
    this.#pull();
    return -Errno.EAGAIN;
  }

  override unread(bytes: Uint8Array): void {
    this.#chunk = Buffer.concat([bytes, this.#chunk]);
  }

  #pull(): void {
    if (this.#pulling || this.#ended || this.#stream === undefined) {
      return;
    }
    this.#pulling = true;
    const arrived = (chunk: Uint8Array | undefined): void => {
      this.#pulling = false;
      this.#ended = chunk === undefined;
      this.#chunk = chunk ?? new Uint8Array(0);
      this.#queue.wake(POLL_READABLE | Poll.HUP);
      if (chunk?.length === 0) {
        this.#pull();
      }
    };
    // A stream that fails has ended: the guest knows no error of a pipe.
    this.#stream.next().then(
      (result) => {
        arrived(result.done === true ? undefined : result.value);
      },
      () => {
        arrived(undefined);
      },
    );
  }

  override poll(): number {
    if (this.#chunk.length > 0) {
      return POLL_READABLE;
    }
    this.#pull();
    return this.#ended ? Poll.HUP : 0;
  }

  override watch(events: number, wake: () => void): () => void {
    return this.#queue.add(events | Poll.HUP, wake);
  }

  override stat(out: StatRecord): number {
    return fillAnonymousStat(out, Mode.S_IFIFO | 0o600, PIPE_DEVICE, this.#inode, this);
  }

  override describe(): string {
    return `pipe:[${String(this.#inode)}]`;
  }

  protected override onClose(): void {
    void this.#end();
  }

  async #end(): Promise<void> {
    try {
      await this.#stream?.return?.();
    } catch {
      // Nobody is left to be told that the stream could not be ended well.
    }
  }
}

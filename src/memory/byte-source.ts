/** A stream of bytes read in pieces of any length, with a checksum of what has been read. */
import { createHash } from 'node:crypto';
import { PlatformError, SavedMemoryError } from '../platform/errors.js';
import { CHECKSUM } from './saved-format.js';

export class ByteSource {
  readonly #chunks: AsyncIterator<unknown>;
  readonly #hash = createHash(CHECKSUM);
  /** What is left of the last chunk. */
  #rest: Uint8Array = new Uint8Array();
  #position = 0;

  constructor(chunks: AsyncIterable<unknown>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Bytes read. */
  get position(): number {
    return this.#position;
  }

  /** @throws {SavedMemoryError} where the stream ends before */
  async exactly(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.fill(bytes);
    return bytes;
  }

  /** @throws {SavedMemoryError} where the stream ends before */
  async fill(dst: Uint8Array): Promise<void> {
    for (let done = 0; done < dst.length;) {
      if (this.#rest.length === 0 && !(await this.#next())) {
        throw new SavedMemoryError(`it ends early, after ${this.#position} bytes`);
      }
      const piece = this.#rest.subarray(0, dst.length - done);
      this.#rest = this.#rest.subarray(piece.length);
      dst.set(piece, done);
      this.#hash.update(piece);
      done += piece.length;
      this.#position += piece.length;
    }
  }

  async isAtEnd(): Promise<boolean> {
    return this.#rest.length === 0 && !(await this.#next());
  }

  /** Of all that has been read. */
  checksum(): Buffer {
    return this.#hash.copy().digest();
  }

  /** Gets a chunk that is not empty; false at the end. */
  async #next(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      const { value } = next;
      if (!(value instanceof Uint8Array)) {
        throw new PlatformError('memory is loaded from a stream of bytes, without an encoding');
      }
      this.#rest = value;
    }
    return true;
  }
}

/** The bytes on their way through a stream: a queue of blocks, filled and emptied in place. */
import type { KernelMemory } from '../fs/kernel-memory.js';

const SMALLEST_BLOCK = 4096;
const LARGEST_BLOCK = 65536;

export class ByteQueue {
  /** Bytes in it. */
  length = 0;
  readonly #blocks: Uint8Array[] = [];
  /** Where the bytes of the first block start, and where those of the last end. */
  #start = 0;
  #end = 0;

  constructor(readonly kernelMemory: KernelMemory) {}

  /** Room for at most `wanted` bytes more, to be filled and committed; `undefined` where the kernel has none. */
  reserve(wanted: number): Uint8Array | undefined {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#end < last.length) {
      return last.subarray(this.#end, Math.min(last.length, this.#end + wanted));
    }
    const size = wanted <= SMALLEST_BLOCK ? SMALLEST_BLOCK : Math.min(wanted, LARGEST_BLOCK);
    if (!this.kernelMemory.take(size)) return undefined;
    const block = new Uint8Array(size);
    this.#blocks.push(block);
    this.#end = 0;
    return block.subarray(0, Math.min(size, wanted));
  }

  /** The first `count` bytes of what was reserved are filled. */
  commit(count: number): void {
    this.#end += count;
    this.length += count;
  }

  /** The bytes `offset` behind the first, as far as they lie in one block. */
  at(offset: number): Uint8Array {
    let skip = this.#start + offset;
    for (const [index, block] of this.#blocks.entries()) {
      const end = index === this.#blocks.length - 1 ? this.#end : block.length;
      if (skip < end) return block.subarray(skip, end);
      skip -= end;
    }
    return new Uint8Array(0);
  }

  /** Removes the first `count` bytes. */
  consume(count: number): void {
    this.length -= count;
    let left = this.#start + count;
    for (let first = this.#blocks[0]; first !== undefined; first = this.#blocks[0]) {
      const isLast = this.#blocks.length === 1;
      if (left < (isLast ? this.#end : first.length)) break;
      left -= isLast ? this.#end : first.length;
      if (isLast && first.length === SMALLEST_BLOCK) {
        // Kept for the next message: small ones come and go.
        this.#end = 0;
        break;
      }
      this.#drop();
    }
    this.#start = left;
  }

  /** Puts bytes back in front of the first. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // They were in it a moment ago: no limit keeps them out.
    this.kernelMemory.give(-bytes.length);
    const first = this.#blocks[0];
    if (first === undefined || this.length === 0) {
      this.clear();
      this.#end = bytes.length;
    } else if (this.#start > 0) {
      this.#blocks[0] = first.slice(this.#start);
      this.kernelMemory.give(this.#start);
      if (this.#blocks.length === 1) this.#end -= this.#start;
    }
    this.#blocks.unshift(new Uint8Array(bytes));
    this.#start = 0;
    this.length += bytes.length;
  }

  clear(): void {
    while (this.#blocks.length > 0) this.#drop();
    this.length = 0;
    this.#start = 0;
    this.#end = 0;
  }

  #drop(): void {
    const block = this.#blocks.shift();
    if (block !== undefined) this.kernelMemory.give(block.length);
    this.#start = 0;
    if (this.#blocks.length === 0) this.#end = 0;
  }
}

/** Bytes on their way, first in, first out, up to a limit. */
export class ByteRing {
  /** Allocated with the first bytes. */
  #ring: Uint8Array | undefined;
  #start = 0;
  #length = 0;

  constructor(readonly capacity: number) {}

  get length(): number {
    return this.#length;
  }

  get free(): number {
    return this.capacity - this.#length;
  }

  /** Moves bytes from the front to `dst`; gives how many. */
  take(dst: Uint8Array): number {
    const count = this.peek(dst);
    this.drop(count);
    return count;
  }

  /** Copies bytes from the front; they stay. */
  peek(dst: Uint8Array): number {
    const count = Math.min(dst.length, this.#length);
    if (this.#ring === undefined || count === 0) {
      return 0;
    }
    const first = Math.min(count, this.capacity - this.#start);
    dst.set(this.#ring.subarray(this.#start, this.#start + first));
    dst.set(this.#ring.subarray(0, count - first), first);
    return count;
  }

  drop(count: number): void {
    this.#start = (this.#start + count) % this.capacity;
    this.#length -= count;
  }

  /** Appends what there is room for; gives how many bytes that were. */
  put(src: Uint8Array): number {
    this.#ring ??= new Uint8Array(this.capacity);
    const count = Math.min(src.length, this.free);
    const end = (this.#start + this.#length) % this.capacity;
    const first = Math.min(count, this.capacity - end);
    this.#ring.set(src.subarray(0, first), end);
    this.#ring.set(src.subarray(first, count), 0);
    this.#length += count;
    return count;
  }

  clear(): void {
    this.#start = 0;
    this.#length = 0;
  }
}

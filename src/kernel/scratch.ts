/**
 * A buffer that is used over and over: never held while something is awaited. Calls take the beginning of it that they
 * need; those that are short are made once, since making one costs more than what is done with it.
 */
const MOST_KEPT = 4096;

export class Scratch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #kept = new Array<Uint8Array | undefined>(MOST_KEPT + 1);

  constructor(readonly size: number) {
    this.bytes = new Uint8Array(size);
  }

  /** The first `length` bytes, or all there are. */
  first(length: number): Uint8Array {
    if (length >= this.size) return this.bytes;
    if (length > MOST_KEPT) return this.bytes.subarray(0, length);
    return (this.#kept[length] ??= this.bytes.subarray(0, length));
  }
}

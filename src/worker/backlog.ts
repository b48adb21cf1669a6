/**
 * What is on its way to a thread that may be busy: where it is too much the sender waits, and with it whatever else its
 * thread does, so that nothing piles up without bound.
 */
const LIMIT = 8 * 1024 ** 2;

export class Backlog {
  readonly #bytes: Int32Array;

  constructor(readonly shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.#bytes = new Int32Array(shared);
  }

  /** For the sender, when it has sent them. */
  sent(bytes: number): void {
    let pending = Atomics.add(this.#bytes, 0, bytes) + bytes;
    while (pending > LIMIT) {
      Atomics.wait(this.#bytes, 0, pending);
      pending = Atomics.load(this.#bytes, 0);
    }
  }

  /** For the receiver, when it has done with them. */
  taken(bytes: number): void {
    Atomics.sub(this.#bytes, 0, bytes);
    Atomics.notify(this.#bytes, 0);
  }
}

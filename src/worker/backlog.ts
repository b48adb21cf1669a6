/**
 * What is on its way to a thread that may be busy: where it is too much the sender waits, and with it whatever else its
 * thread does, so that nothing piles up without bound.
 */
const LIMIT = 8 * 1024 ** 2;
/** About what a message takes besides the bytes that it carries. */
const MESSAGE_SIZE = 512;

export class Backlog {
  readonly #bytes: Int32Array;

  constructor(readonly shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) {
    this.#bytes = new Int32Array(shared);
  }

  /** For the sender, when it has sent a message with as many. */
  sent(bytes: number): void {
    const size = bytes + MESSAGE_SIZE;
    let pending = Atomics.add(this.#bytes, 0, size) + size;
    while (pending > LIMIT) {
      Atomics.wait(this.#bytes, 0, pending);
      pending = Atomics.load(this.#bytes, 0);
    }
  }

  /** For the receiver, when it has done with that message. */
  taken(bytes: number): void {
    Atomics.sub(this.#bytes, 0, bytes + MESSAGE_SIZE);
    Atomics.notify(this.#bytes, 0);
  }
}

/** A counter that can be waited for, eventfd(2). */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { POLL_READABLE, POLL_WRITABLE, Poll } from '../../abi/poll.js';
import { AnonymousFile } from './anonymous-file.js';

const SIZE = 8;
const TWO_32 = 4294967296;
const MAX_WORD = TWO_32 - 1;

export class EventFd extends AnonymousFile {
  readonly #semaphore: boolean;
  /** The counter, 64 bits in two halves; at most 2^64 - 2. */
  #low: number;
  #high = 0;

  constructor(initial: number, semaphore: boolean, flags: number) {
    super(O.RDWR | flags, '[eventfd]');
    this.#low = initial;
    this.#semaphore = semaphore;
  }

  override read(dst: Uint8Array): number {
    if (dst.length < SIZE) {
      return -Errno.EINVAL;
    }
    if (this.#isZero) {
      return -Errno.EAGAIN;
    }
    const view = new DataView(dst.buffer, dst.byteOffset, SIZE);
    view.setUint32(0, this.#semaphore ? 1 : this.#low, true);
    view.setUint32(4, this.#semaphore ? 0 : this.#high, true);
    if (this.#semaphore) {
      this.#decrement();
    } else {
      this.#low = 0;
      this.#high = 0;
    }
    this.queue.wake(POLL_WRITABLE);
    return SIZE;
  }

  override write(src: Uint8Array): number {
    if (src.length !== SIZE) {
      return -Errno.EINVAL;
    }
    const view = new DataView(src.buffer, src.byteOffset, SIZE);
    const [low, high] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (low === MAX_WORD && high === MAX_WORD) {
      return -Errno.EINVAL;
    }
    if (!this.#add(low, high)) {
      return -Errno.EAGAIN;
    }
    if (!this.#isZero) {
      this.queue.wake(POLL_READABLE);
    }
    return SIZE;
  }

  override poll(): number {
    const full = this.#high === MAX_WORD && this.#low === MAX_WORD - 1;
    return (this.#isZero ? 0 : Poll.IN) | (full ? 0 : Poll.OUT);
  }

  override fdinfo(): string {
    const count = this.#high * TWO_32 + this.#low;
    return `eventfd-count: ${count.toString(16).padStart(16)}\n`;
  }

  get #isZero(): boolean {
    return this.#low === 0 && this.#high === 0;
  }

  /** False where the sum is beyond what the counter holds. */
  #add(low: number, high: number): boolean {
    const sum = this.#low + low;
    const carry = sum >= TWO_32 ? 1 : 0;
    const sumLow = sum - carry * TWO_32;
    const sumHigh = this.#high + high + carry;
    if (sumHigh > MAX_WORD || (sumHigh === MAX_WORD && sumLow === MAX_WORD)) {
      return false;
    }
    this.#low = sumLow;
    this.#high = sumHigh;
    return true;
  }

  #decrement(): void {
    if (this.#low > 0) {
      this.#low--;
    } else {
      this.#low = MAX_WORD;
      this.#high--;
    }
  }
}

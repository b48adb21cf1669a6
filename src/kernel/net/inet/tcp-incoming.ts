/** What a TCP socket has been sent: a stream of bytes, one of which may be urgent (tcp(7)). */
import { Errno } from '../../abi/errno.js';
import type { KernelMemory } from '../../fs/kernel-memory.js';
import { ByteQueue } from '../byte-queue.js';
import { drainQueue, fillQueue, type Sink, type Source } from '../message.js';

export class TcpIncoming {
  readonly #bytes: ByteQueue;
  /** The urgent byte lies so many bytes ahead; -1: none. */
  #urgentAt = -1;
  /** It was read by recv(2) with MSG_OOB. */
  #urgentRead = false;
  #urgent: number | undefined;

  constructor(kernelMemory: KernelMemory) {
    this.#bytes = new ByteQueue(kernelMemory);
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** An urgent byte waits for MSG_OOB. */
  get hasUrgent(): boolean {
    return this.#urgent !== undefined && !this.#urgentRead;
  }

  get isAtMark(): boolean {
    return this.#urgentAt === 0;
  }

  /** Bytes that an ordinary read gives: not the urgent one, unless it is kept in line. */
  readable(inline: boolean): number {
    const hidden = !inline && this.#urgentAt >= 0 ? 1 : 0;
    return this.#bytes.length - hidden;
  }

  put(source: Source, room: number, urgent: boolean): number {
    const count = fillQueue(this.#bytes, source, room);
    if (urgent && count > 0 && source.remaining === 0) {
      this.#urgentAt = this.#bytes.length - 1;
      this.#urgent = this.#bytes.at(this.#urgentAt)[0];
      this.#urgentRead = false;
    }
    return count;
  }

  /** Reads up to the urgent byte, or from it on. */
  read(sink: Sink, peek: boolean, inline: boolean): number {
    let start = 0;
    if (this.#urgentAt === 0 && !inline) {
      if (peek) start = 1;
      else this.#skip(1);
    }
    const stop = this.#urgentAt > start ? this.#urgentAt : this.#bytes.length;
    const count = drainQueue(this.#bytes, sink, stop - start, peek ? start : undefined);
    if (!peek && count > 0) this.#passed(count);
    return count;
  }

  #skip(count: number): void {
    this.#bytes.consume(count);
    this.#passed(count);
  }

  #passed(count: number): void {
    if (this.#urgentAt < 0) return;
    this.#urgentAt -= count;
    if (this.#urgentAt < 0) {
      this.#urgentAt = -1;
      this.#urgent = undefined;
    }
  }

  /** recv(2) with MSG_OOB. */
  readUrgent(sink: Sink, peek: boolean, inline: boolean): number {
    if (inline || this.#urgent === undefined || this.#urgentRead) return -Errno.EINVAL;
    if (sink.room > 0 && sink.put(Uint8Array.of(this.#urgent)) < 1) return -Errno.EFAULT;
    if (!peek) this.#urgentRead = true;
    return Math.min(1, sink.room + 1);
  }

  /** Bytes that could not be delivered go back to the front. */
  putBack(bytes: Uint8Array): void {
    this.#bytes.putBack(bytes);
    if (this.#urgentAt >= 0) this.#urgentAt += bytes.length;
  }

  clear(): void {
    this.#bytes.clear();
    this.#urgentAt = -1;
    this.#urgent = undefined;
  }
}

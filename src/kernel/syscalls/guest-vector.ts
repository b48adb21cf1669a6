/** Guest memory as where bytes come from and go to, a vector of it. */
import type { MemoryManager } from '../mm/memory-manager.js';
import type { Sink, Source } from '../net/message.js';
import { lengthOf, type Segment } from './file-slices.js';

abstract class GuestVector {
  #left: number;
  #index = 0;
  /** Bytes of the segment at hand that are done. */
  #within = 0;

  constructor(
    readonly mm: MemoryManager,
    readonly segments: readonly Segment[],
  ) {
    this.#left = lengthOf(segments);
  }

  protected get left(): number {
    return this.#left;
  }

  /** Goes through `length` bytes of the vector, until `move` does fewer than it was asked for. */
  protected walk(length: number, move: (address: number, done: number, count: number) => number) {
    let done = 0;
    while (done < length) {
      const segment = this.segments[this.#index];
      if (segment === undefined) break;
      const count = Math.min(length - done, segment.length - this.#within);
      const moved = count === 0 ? 0 : move(segment.address + this.#within, done, count);
      done += moved;
      this.#within += moved;
      this.#left -= moved;
      if (moved < count) break;
      if (this.#within === segment.length) {
        this.#index++;
        this.#within = 0;
      }
    }
    return done;
  }
}

export class GuestSource extends GuestVector implements Source {
  get remaining(): number {
    return this.left;
  }

  fill(dst: Uint8Array): number {
    return this.walk(dst.length, (address, done, count) =>
      this.mm.copyIn(address, dst.subarray(done, done + count)),
    );
  }
}

export class GuestSink extends GuestVector implements Sink {
  get room(): number {
    return this.left;
  }

  put(src: Uint8Array): number {
    const length = Math.min(src.length, this.left);
    return this.walk(length, (address, done, count) =>
      this.mm.copyOut(address, src.subarray(done, done + count)),
    );
  }
}

/** Guest memory in a plain array, which counts references as the real one does. */
import { OutOfMemoryError } from '../../../src/platform/errors.js';
import { type FileRange, PAGE_SIZE } from '../../../src/platform/file-range.js';
import type { GuestMemory } from '../../../src/kernel/guest.js';

export class FakeMemory implements GuestMemory {
  readonly #bytes: Uint8Array;
  readonly #references: number[];
  #next = 0;

  constructor(readonly limit = 8 * 1024 * 1024) {
    this.#bytes = new Uint8Array(limit * 2);
    this.#references = new Array<number>((limit * 2) / PAGE_SIZE).fill(0);
  }

  get allocated(): number {
    return this.#references.filter((count) => count > 0).length * PAGE_SIZE;
  }

  allocate(length: number): FileRange {
    if (length <= 0 || length % PAGE_SIZE !== 0) {
      throw new Error(`bad length ${String(length)}`);
    }
    if (this.allocated + length > this.limit) {
      throw new OutOfMemoryError('out of fake memory');
    }
    const range = this.#findRoom(length);
    this.#bytes.fill(0, range.start, range.end);
    this.#eachPage(range, (page) => {
      this.#references[page] = 1;
    });
    return range;
  }

  #findRoom(length: number): FileRange {
    for (let tries = 0; tries < 2; tries++) {
      for (let start = this.#next; start + length <= this.#bytes.length; start += PAGE_SIZE) {
        const pages = this.#references.slice(start / PAGE_SIZE, (start + length) / PAGE_SIZE);
        if (pages.every((count) => count === 0)) {
          this.#next = start + length;
          return { start, end: this.#next };
        }
      }
      this.#next = 0;
    }
    throw new OutOfMemoryError('fake memory is in pieces');
  }

  #eachPage(range: FileRange, act: (page: number) => void): void {
    for (let at = range.start; at < range.end; at += PAGE_SIZE) {
      act(at / PAGE_SIZE);
    }
  }

  decommit(): void {
    throw new Error('not expected');
  }

  isShared(range: FileRange): boolean {
    let shared = false;
    this.#eachPage(range, (page) => {
      shared ||= (this.#references[page] as number) > 1;
    });
    return shared;
  }

  incRef(range: FileRange): void {
    this.#eachPage(range, (page) => {
      this.#references[page] = (this.#references[page] ?? 0) + 1;
    });
  }

  decRef(range: FileRange): void {
    this.#eachPage(range, (page) => {
      const count = this.#references[page] ?? 0;
      if (count <= 0) {
        throw new Error('a reference too few');
      }
      this.#references[page] = count - 1;
    });
  }

  mapInternal(range: FileRange): Uint8Array[] {
    if (range.end > this.#bytes.length || range.start >= range.end) {
      throw new Error('bad range');
    }
    // In two parts, as at the border of two chunks.
    const middle = range.start + Math.floor((range.end - range.start) / 2);
    return [
      this.#bytes.subarray(range.start, middle),
      this.#bytes.subarray(middle, range.end),
    ].filter((part) => part.length > 0);
  }

  mapInto(): void {
    throw new Error('not expected');
  }
}

/** Pages of a file that are in guest memory: which frame holds which page. */
import { Access } from '../../platform/access.js';
import type { MemoryKind } from '../../platform/contract.js';
import { OutOfMemoryError } from '../../platform/errors.js';
import { type FileRange, PAGE_SIZE } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import type { GuestMemory } from '../guest.js';
import { reclaimPages } from './page-reclaim.js';

export class PageFrames {
  /** Page number → offset in guest memory. */
  readonly #frames = new Map<number, number>();

  constructor(
    readonly memory: GuestMemory,
    readonly kind: MemoryKind,
  ) {}

  get size(): number {
    return this.#frames.size;
  }

  get(page: number): number | undefined {
    return this.#frames.get(page);
  }

  has(page: number): boolean {
    return this.#frames.has(page);
  }

  /** The first page from `first` on that is there; `Infinity` where none is. */
  nextPresent(first: number): number {
    if (this.#frames.has(first)) {
      return first;
    }
    let next = Infinity;
    for (const page of this.#frames.keys()) {
      if (page > first && page < next) {
        next = page;
      }
    }
    return next;
  }

  /** The first page from `first` on that is not there. */
  nextAbsent(first: number): number {
    let page = first;
    while (this.#frames.has(page)) {
      page++;
    }
    return page;
  }

  /** Number of pages from `first` on, at most `limit`, that are all absent, or lie one after the other. */
  runLength(first: number, limit: number): number {
    const frame = this.#frames.get(first);
    if (frame === undefined && this.#frames.size === 0) {
      return limit;
    }
    let count = 1;
    while (count < limit) {
      const next = this.#frames.get(first + count);
      const goesOn = frame === undefined ? next === undefined : next === frame + count * PAGE_SIZE;
      if (!goesOn) {
        break;
      }
      count++;
    }
    return count;
  }

  /** Frames for `count` pages, zeroed, and held by the caller; -ENOSPC. */
  allocate(count: number): FileRange | number {
    const range = this.#tryAllocate(count);
    return typeof range === 'number' && reclaimPages(this.memory)
      ? this.#tryAllocate(count)
      : range;
  }

  #tryAllocate(count: number): FileRange | number {
    try {
      return this.memory.allocate(count * PAGE_SIZE, this.kind);
    } catch (error) {
      if (error instanceof OutOfMemoryError) {
        return -Errno.ENOSPC;
      }
      throw error;
    }
  }

  /** Puts the frames of `range`, whose reference it takes over, in the places of `page` and those behind it. */
  place(page: number, range: FileRange): void {
    const count = (range.end - range.start) / PAGE_SIZE;
    for (let i = 0; i < count; i++) {
      this.#frames.set(page + i, range.start + i * PAGE_SIZE);
    }
  }

  /** Forgets the pages from `first` to `end`; told which. */
  drop(first: number, end: number, dropped: (page: number) => void): void {
    for (const [page, frame] of this.#frames) {
      if (page >= first && page < end) {
        this.#frames.delete(page);
        this.memory.decRef({ start: frame, end: frame + PAGE_SIZE });
        dropped(page);
      }
    }
  }

  /** Copies frames at an offset of guest memory. */
  copyFrom(start: number, dst: Uint8Array): void {
    let done = 0;
    for (const block of this.memory.mapInternal({ start, end: start + dst.length }, Access.Read)) {
      dst.set(block, done);
      done += block.length;
    }
  }

  copyTo(start: number, src: Uint8Array): void {
    let done = 0;
    for (const block of this.memory.mapInternal({ start, end: start + src.length }, Access.Write)) {
      block.set(src.subarray(done, done + block.length));
      done += block.length;
    }
  }
}

import { PAGE_SIZE } from '../../platform/file-range.js';
import { IntervalList } from './interval-list.js';
import type { Locking, Vma } from './vma.js';

/** Pages kept free below a mapping that grows downwards (`stack_guard_gap`). */
export const STACK_GUARD_GAP = 256 * PAGE_SIZE;

/** The mappings of an address space: split where a change begins and ends, merged where neighbours agree. */
export class VmaSet implements Iterable<Vma> {
  readonly #list = new IntervalList<Vma>();
  /** Bytes mapped. */
  totalBytes = 0;
  /** Bytes mapped private and writable. */
  dataBytes = 0;
  /** Bytes mapped and locked, mlock(2). */
  lockedBytes = 0;

  get count(): number {
    return this.#list.length;
  }

  [Symbol.iterator](): IterableIterator<Vma> {
    return this.#list[Symbol.iterator]();
  }

  find(address: number): Vma | undefined {
    return this.#list.find(address);
  }

  /** The first area that ends above `address`. */
  findFrom(address: number): Vma | undefined {
    return this.#list.at(this.#list.indexFrom(address));
  }

  /** The area just below `address`. */
  findBelow(address: number): Vma | undefined {
    const index = this.#list.indexFrom(address);
    return index > 0 ? this.#list.at(index - 1) : undefined;
  }

  occupied(start: number, end: number): boolean {
    return this.#list.occupied(start, end);
  }

  overlapping(start: number, end: number): Vma[] {
    return this.#list.overlapping(start, end);
  }

  /** Whether every page of [start, end) is mapped. */
  covers(start: number, end: number): boolean {
    let at = start;
    for (let index = this.#list.indexFrom(start); at < end; index++) {
      const vma = this.#list.at(index);
      if (vma === undefined || vma.start > at) return false;
      at = vma.end;
    }
    return true;
  }

  /** Adds an area where nothing is mapped; gives the area it became part of. */
  insert(vma: Vma): Vma {
    vma.attach();
    this.#account(vma, 1);
    const index = this.#list.insert(vma);
    return this.#mergeAround(index);
  }

  /** Splits so that areas begin at `start` and end at `end` where they reach across; gives those within. */
  isolate(start: number, end: number): Vma[] {
    this.#splitAt(start);
    this.#splitAt(end);
    return this.#list.overlapping(start, end);
  }

  /** Removes [start, end) from the set; gives what was there. */
  remove(start: number, end: number): Vma[] {
    const removed = this.isolate(start, end);
    if (removed.length === 0) return removed;
    this.#list.removeAt(this.#list.indexFrom(start), removed.length);
    for (const vma of removed) {
      this.#account(vma, -1);
      vma.detach();
    }
    return removed;
  }

  /** Merges again after areas in [start, end) changed. */
  mergeWithin(start: number, end: number): void {
    let index = Math.max(this.#list.indexFrom(start) - 1, 0);
    for (;;) {
      const vma = this.#list.at(index);
      const next = this.#list.at(index + 1);
      if (vma === undefined || next === undefined || vma.start >= end) return;
      if (vma.continuesIn(next)) this.#absorb(index);
      else index++;
    }
  }

  setAccess(vma: Vma, access: number): void {
    this.#account(vma, -1);
    vma.access = access;
    this.#account(vma, 1);
  }

  setLocked(vma: Vma, locked: Locking): void {
    this.#account(vma, -1);
    vma.locked = locked;
    this.#account(vma, 1);
  }

  /** Moves the border of an area; the room is free. */
  resize(vma: Vma, start: number, end: number): void {
    this.#account(vma, -1);
    if (vma.file !== undefined) vma.offset += start - vma.start;
    vma.start = start;
    vma.end = end;
    this.#account(vma, 1);
  }

  /** Start of the highest gap of `length` bytes inside [low, high), aligned; `undefined` where there is none. */
  gapBelow(length: number, low: number, high: number, alignment: number): number | undefined {
    let top = high;
    let index = this.#list.indexFrom(high - 1);
    // An area that reaches into or above the window leaves its guard gap free below.
    const above = this.#list.at(index);
    if (above !== undefined) top = Math.min(top, guardedStart(above));
    for (; ; index--) {
      const below = index > 0 ? this.#list.at(index - 1) : undefined;
      const bottom = Math.max(low, below?.end ?? 0);
      const start = alignDown(top - length, alignment);
      if (start >= bottom) return start;
      if (below === undefined || below.end <= low) return undefined;
      top = Math.min(top, guardedStart(below));
    }
  }

  /** Start of the lowest gap of `length` bytes inside [low, high). */
  gapAbove(length: number, low: number, high: number): number | undefined {
    let start = low;
    for (let index = this.#list.indexFrom(low); ; index++) {
      const next = this.#list.at(index);
      const limit = next === undefined ? high : Math.min(high, guardedStart(next));
      if (start + length <= limit) return start;
      if (next === undefined || next.end >= high) return undefined;
      start = Math.max(start, next.end);
    }
  }

  clear(): void {
    for (const vma of this.#list) vma.detach();
    this.#list.clear();
    this.totalBytes = 0;
    this.dataBytes = 0;
    this.lockedBytes = 0;
  }

  #splitAt(address: number): void {
    const index = this.#list.indexFrom(address);
    const vma = this.#list.at(index);
    if (vma === undefined || vma.start >= address) return;
    this.#list.insertAt(index + 1, vma.splitAt(address));
  }

  #mergeAround(index: number): Vma {
    let at = index;
    const previous = this.#list.at(at - 1);
    const vma = this.#list.at(at) as Vma;
    if (previous?.continuesIn(vma) === true) this.#absorb(--at);
    const merged = this.#list.at(at) as Vma;
    const next = this.#list.at(at + 1);
    if (next !== undefined && merged.continuesIn(next)) this.#absorb(at);
    return merged;
  }

  /** Makes the area at `index` swallow all that continue it, in one change of the list. */
  #absorb(index: number): void {
    const vma = this.#list.at(index) as Vma;
    let count = 0;
    for (;;) {
      const next = this.#list.at(index + 1 + count);
      if (next === undefined || !vma.continuesIn(next)) break;
      next.detach();
      vma.end = next.end;
      vma.faultAround = Math.max(vma.faultAround, next.faultAround);
      count++;
    }
    this.#list.removeAt(index + 1, count);
  }

  #account(vma: Vma, sign: 1 | -1): void {
    this.totalBytes += sign * vma.length;
    if (vma.isData) this.dataBytes += sign * vma.length;
    if (vma.locked !== 'no') this.lockedBytes += sign * vma.length;
  }
}

function guardedStart(vma: Vma): number {
  return vma.growsDown ? Math.max(vma.start - STACK_GUARD_GAP, 0) : vma.start;
}

function alignDown(value: number, alignment: number): number {
  return value - (((value % alignment) + alignment) % alignment);
}

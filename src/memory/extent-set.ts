/** Disjoint ranges of a file, sorted and merged: what is free of it. */
import type { FileRange } from '../platform/file-range.js';

interface Extent {
  start: number;
  end: number;
}

export class ExtentSet {
  readonly #extents: Extent[] = [];
  #total = 0;

  /** Bytes in it. */
  get total(): number {
    return this.#total;
  }

  /** Adds a range that overlaps none in it. */
  add(start: number, end: number): void {
    this.#total += end - start;
    const at = this.#firstBehind(start);
    const before = this.#extents[at - 1];
    const after = this.#extents[at];
    if (before?.end === start) {
      before.end = end;
      if (after?.start === end) {
        before.end = after.end;
        this.#extents.splice(at, 1);
      }
    } else if (after?.start === end) {
      after.start = start;
    } else {
      this.#extents.splice(at, 0, { start, end });
    }
  }

  /** Takes `length` bytes at a multiple of `alignment`, the lowest that fit; -1 where none do. */
  take(length: number, alignment: number): number {
    for (let at = 0; at < this.#extents.length; at++) {
      const extent = this.#extents[at] as Extent;
      const start = Math.ceil(extent.start / alignment) * alignment;
      if (start + length > extent.end) continue;
      this.#carve(at, extent, start, start + length);
      return start;
    }
    return -1;
  }

  /** Empties the set into `each`. */
  drain(each: (range: FileRange) => void): void {
    const extents = this.#extents.splice(0);
    this.#total = 0;
    for (const extent of extents) each(extent);
  }

  #carve(at: number, extent: Extent, start: number, end: number): void {
    this.#total -= end - start;
    const rest: Extent[] = [];
    if (extent.start < start) rest.push({ start: extent.start, end: start });
    if (end < extent.end) rest.push({ start: end, end: extent.end });
    this.#extents.splice(at, 1, ...rest);
  }

  /** Index of the first extent that starts behind `offset`. */
  #firstBehind(offset: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#extents[middle] as Extent).start <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Half-open, not empty. */
export interface Interval {
  start: number;
  end: number;
}

/**
 * Disjoint intervals in ascending order. A sorted array: finding is a binary search over memory that lies
 * together, and the counts met (mappings, runs of pages) keep insertion cheap.
 */
export class IntervalList<T extends Interval> implements Iterable<T> {
  readonly #items: T[] = [];

  get length(): number {
    return this.#items.length;
  }

  at(index: number): T | undefined {
    return this.#items[index];
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  /** Index of the first interval that ends above `address`; `length` where there is none. */
  indexFrom(address: number): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#items[middle] as T).end > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The interval that contains `address`. */
  find(address: number): T | undefined {
    const item = this.#items[this.indexFrom(address)];
    return item !== undefined && item.start <= address ? item : undefined;
  }

  /** The intervals that touch [start, end), in order, in an array of their own. */
  overlapping(start: number, end: number): T[] {
    const found: T[] = [];
    for (let index = this.indexFrom(start); ; index++) {
      const item = this.#items[index];
      if (item === undefined || item.start >= end) return found;
      found.push(item);
    }
  }

  /** Whether an interval touches [start, end). */
  occupied(start: number, end: number): boolean {
    const item = this.#items[this.indexFrom(start)];
    return item !== undefined && item.start < end;
  }

  /** Inserts an interval that touches no other; gives its index. */
  insert(item: T): number {
    const index = this.indexFrom(item.start);
    this.#items.splice(index, 0, item);
    return index;
  }

  /** Inserts intervals that belong, in order, before the one at `index`. */
  insertAt(index: number, ...items: T[]): void {
    this.#items.splice(index, 0, ...items);
  }

  removeAt(index: number, count = 1): void {
    this.#items.splice(index, count);
  }

  clear(): void {
    this.#items.length = 0;
  }
}

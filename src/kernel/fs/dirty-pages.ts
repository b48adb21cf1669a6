/** Pages of a host file that shared mappings may have written since they last went to the host. */
import { PAGE_SIZE } from '../../platform/file-range.js';

export class DirtyPages {
  readonly #pages = new Set<number>();

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  add(first: number, count: number): void {
    for (let page = first; page < first + count; page++) {
      this.#pages.add(page);
    }
  }

  delete(page: number): void {
    this.#pages.delete(page);
  }

  /**
   * Writes back those in the bytes [start, end): 0, or the errno of one that failed. With `keep` they stay dirty:
   * a mapping may write on.
   */
  sync(start: number, end: number, keep: boolean, writeBack: (page: number) => number): number {
    let result = 0;
    for (const page of this.#pages) {
      const offset = page * PAGE_SIZE;
      if (offset + PAGE_SIZE <= start || offset >= end) {
        continue;
      }
      result = Math.min(result, writeBack(page));
      if (!keep) {
        this.#pages.delete(page);
      }
    }
    return result;
  }
}

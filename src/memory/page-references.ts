/** Reference counts of a file's pages, in arrays of a chunk each, made when a chunk is first used. */
import { PAGE_SIZE, type FileRange } from '../platform/file-range.js';

export class PageReferences {
  readonly #chunks: (Uint32Array | undefined)[] = [];
  readonly #pagesPerChunk: number;

  constructor(chunkSize: number) {
    this.#pagesPerChunk = chunkSize / PAGE_SIZE;
  }

  /** Gives each page, all without references, its first. */
  init(range: FileRange): void {
    for (let page = range.start / PAGE_SIZE; page < range.end / PAGE_SIZE; page++) {
      this.#chunkOf(page)[page % this.#pagesPerChunk] = 1;
    }
  }

  /** False, and nothing done, where a page has no reference. */
  increment(range: FileRange): boolean {
    if (!this.#allReferenced(range)) return false;
    for (let page = range.start / PAGE_SIZE; page < range.end / PAGE_SIZE; page++) {
      const index = page % this.#pagesPerChunk;
      const chunk = this.#chunkOf(page);
      chunk[index] = (chunk[index] as number) + 1;
    }
    return true;
  }

  /** Calls `freed` with each run of pages whose last reference goes. False, and nothing done, where one has none. */
  decrement(range: FileRange, freed: (start: number, end: number) => void): boolean {
    if (!this.#allReferenced(range)) return false;
    let runStart = -1;
    const last = range.end / PAGE_SIZE;
    for (let page = range.start / PAGE_SIZE; page < last; page++) {
      const index = page % this.#pagesPerChunk;
      const chunk = this.#chunkOf(page);
      const left = (chunk[index] as number) - 1;
      chunk[index] = left;
      if (left === 0 && runStart < 0) runStart = page;
      if (left > 0 && runStart >= 0) {
        freed(runStart * PAGE_SIZE, page * PAGE_SIZE);
        runStart = -1;
      }
    }
    if (runStart >= 0) freed(runStart * PAGE_SIZE, range.end);
    return true;
  }

  #allReferenced(range: FileRange): boolean {
    for (let page = range.start / PAGE_SIZE; page < range.end / PAGE_SIZE; page++) {
      const chunk = this.#chunks[Math.floor(page / this.#pagesPerChunk)];
      if (!chunk || chunk[page % this.#pagesPerChunk] === 0) return false;
    }
    return true;
  }

  #chunkOf(page: number): Uint32Array {
    const at = Math.floor(page / this.#pagesPerChunk);
    return (this.#chunks[at] ??= new Uint32Array(this.#pagesPerChunk));
  }
}

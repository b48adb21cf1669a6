/**
 * What each page of the memory file is: free, or of a kind and referenced so often. A page's state is a word, 0
 * where it is free and otherwise the count above the kind; a block of pages that are all alike has one word for
 * all of them, so that references to gigabytes cost little.
 */
import type { MemoryKind } from '../platform/contract.js';
import { PAGE_SIZE, type FileRange } from '../platform/file-range.js';

/** Pages of a block: those that one large page-table entry maps. */
const BLOCK_PAGES = 512;
const KIND_BITS = 3;
const ONE_REFERENCE = 1 << KIND_BITS;
const KIND_MASK = ONE_REFERENCE - 1;

/** Most references that a page can have. */
export const MOST_REFERENCES = 2 ** (32 - KIND_BITS) - 1;

/** Pages in a row that are alike. */
export interface FrameRun extends FileRange {
  /** 0 where they are free. */
  readonly references: number;
  readonly kind: MemoryKind;
}

export class Frames {
  readonly #blocks: (number | Uint32Array)[];

  /** For a file of `size` bytes, all of it free. */
  constructor(size: number) {
    const count = Math.ceil(size / (BLOCK_PAGES * PAGE_SIZE));
    this.#blocks = new Array<number>(count).fill(0);
  }

  /** Makes free pages, all of `range`, ones of a kind with so many references. */
  assign(range: FileRange, kind: MemoryKind, references: number): void {
    this.#add(range, references * ONE_REFERENCE + kind);
  }

  /** Fewest and most references of a page in `range`. */
  references(range: FileRange): { fewest: number; most: number } {
    let least = Infinity;
    let most = 0;
    const last = range.end / PAGE_SIZE;
    for (let page = range.start / PAGE_SIZE; page < last;) {
      const { block, from, to } = this.#blockAt(page, last);
      if (typeof block === 'number') {
        least = Math.min(least, block);
        most = Math.max(most, block);
      } else {
        for (let at = from; at < to; at++) {
          const word = block[at] as number;
          if (word < least) least = word;
          if (word > most) most = word;
        }
      }
      page += to - from;
    }
    return { fewest: least >>> KIND_BITS, most: most >>> KIND_BITS };
  }

  /** Adds a reference to each page of `range`, none of them free. */
  increment(range: FileRange): void {
    this.#add(range, ONE_REFERENCE);
  }

  /** Takes a reference from each page of `range`, of which each has more than one. */
  decrement(range: FileRange): void {
    this.#add(range, -ONE_REFERENCE);
  }

  /** Takes a reference from each page of `range`, none of them free; gives what has none left, merged. */
  release(range: FileRange): FileRange[] {
    const freed: { start: number; end: number }[] = [];
    for (let { start } = range; start < range.end;) {
      const run = this.#runAt(start, range.end);
      const { end, references, kind } = run;
      const before = freed.at(-1);
      this.#add(run, references > 1 ? -ONE_REFERENCE : -ONE_REFERENCE - kind);
      if (references === 1 && before?.end === start) before.end = end;
      else if (references === 1) freed.push({ start, end });
      start = end;
    }
    return freed;
  }

  /** The runs that make up `range`, the free ones too. */
  *runs(range: FileRange): Generator<FrameRun> {
    for (let { start } = range; start < range.end;) {
      const run = this.#runAt(start, range.end);
      yield run;
      start = run.end;
    }
  }

  #runAt(start: number, end: number): FrameRun {
    const page = start / PAGE_SIZE;
    const last = end / PAGE_SIZE;
    const { block, from } = this.#blockAt(page, last);
    const word = typeof block === 'number' ? block : (block[from] as number);
    return {
      start,
      end: this.#endOfRun(page, last, word) * PAGE_SIZE,
      references: word >>> KIND_BITS,
      kind: (word & KIND_MASK) as MemoryKind,
    };
  }

  /** The block that `page` is in, and which of its pages [page, last) are. */
  #blockAt(
    page: number,
    last: number,
  ): { index: number; block: number | Uint32Array; from: number; to: number } {
    const index = Math.floor(page / BLOCK_PAGES);
    const base = index * BLOCK_PAGES;
    const block = this.#blocks[index] as number | Uint32Array;
    return { index, block, from: page - base, to: Math.min(BLOCK_PAGES, last - base) };
  }

  #endOfRun(start: number, last: number, word: number): number {
    let page = start;
    while (page < last) {
      const { block, from, to } = this.#blockAt(page, last);
      if (typeof block === 'number') {
        if (block !== word) return page;
      } else {
        for (let at = from; at < to; at++) if (block[at] !== word) return page + at - from;
      }
      page += to - from;
    }
    return page;
  }

  /** Adds to the words of all pages in `range`. */
  #add(range: FileRange, difference: number): void {
    const last = range.end / PAGE_SIZE;
    for (let page = range.start / PAGE_SIZE; page < last;) {
      const { index, block, from, to } = this.#blockAt(page, last);
      if (typeof block === 'number' && to - from === BLOCK_PAGES) {
        this.#blocks[index] = block + difference;
      } else {
        const words = this.#split(index);
        for (let at = from; at < to; at++) words[at] = (words[at] as number) + difference;
        if (to - from === BLOCK_PAGES) this.#unite(index, words);
      }
      page += to - from;
    }
  }

  /** The words of a block's pages, one each from now on. */
  #split(index: number): Uint32Array {
    const block = this.#blocks[index] as number | Uint32Array;
    if (typeof block !== 'number') return block;
    return (this.#blocks[index] = new Uint32Array(BLOCK_PAGES).fill(block));
  }

  #unite(index: number, words: Uint32Array): void {
    const word = words[0] as number;
    if (words.every((other) => other === word)) this.#blocks[index] = word;
  }
}

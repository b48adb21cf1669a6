/** What memory and address spaces should be, beside what they are. */
import { Access } from '../../src/platform/access.js';
import { MemoryKind, type AddressSpace, type Platform } from '../../src/platform/contract.js';
import type { FileRange } from '../../src/platform/file-range.js';

export const PAGE = 4096;
const LARGE_PAGES = 512;
/** Across a border of 1 GiB, with room for large pages on both sides. */
export const BASE = 0x3f_c000_0000 - LARGE_PAGES * PAGE;
export const PAGES = 2 * LARGE_PAGES;

export class Mismatch extends Error {}

export function check(condition: boolean, what: string): void {
  if (!condition) throw new Mismatch(what);
}

/** An allocation, and what is in it. */
export class Piece {
  readonly range: FileRange;
  readonly pages: number;
  readonly content: Uint8Array;
  /** Pages that a guest is at: nobody else touches them. */
  readonly locked: Uint8Array;
  /** Pages of address spaces that it is mapped at. */
  mapped = 0;
  readonly #platform: Platform;

  constructor(platform: Platform, pages: number) {
    this.#platform = platform;
    this.pages = pages;
    this.range = platform.memory.allocate(pages * PAGE, MemoryKind.Anonymous);
    this.content = new Uint8Array(pages * PAGE);
    this.locked = new Uint8Array(pages);
  }

  get isLocked(): boolean {
    return this.locked.includes(1);
  }

  decommit(first: number, count: number): void {
    const start = this.range.start + first * PAGE;
    this.#platform.memory.decommit({ start, end: start + count * PAGE });
    this.content.fill(0, first * PAGE, (first + count) * PAGE);
  }

  /** Compares it with the host's mapping. */
  verify(): void {
    let at = 0;
    for (const block of this.#platform.memory.mapInternal(this.range, Access.Read)) {
      const expected = this.content.subarray(at, at + block.length);
      check(Buffer.compare(block, expected) === 0, `memory at ${this.range.start + at} is another`);
      at += block.length;
    }
  }

  free(): void {
    this.#platform.memory.decRef(this.range);
  }
}

export interface Mapping {
  readonly piece: Piece;
  readonly page: number;
  readonly access: number;
}

/** An address space; the pages from `BASE` on are the model's. */
export class Space {
  readonly pages = new Array<Mapping | undefined>(PAGES).fill(undefined);
  readonly locked = new Uint8Array(PAGES);
  /** Operations that are not over and will use it again. */
  holders = 0;

  constructor(readonly native: AddressSpace) {}

  isLocked(first: number, count: number): boolean {
    return this.locked.subarray(first, first + count).includes(1);
  }

  /** Whether a guest is at memory that is mapped there. */
  holdsLocked(first: number, count: number): boolean {
    return this.pages
      .slice(first, first + count)
      .some((mapping) => mapping !== undefined && mapping.piece.locked[mapping.page] === 1);
  }

  map(platform: Platform, first: number, count: number, from: Mapping): void {
    const start = from.piece.range.start + from.page * PAGE;
    const range = { start, end: start + count * PAGE };
    const at = BASE + first * PAGE;
    platform.memory.mapInto(this.native, at, range, from.access, false);
    for (let i = 0; i < count; i++) {
      this.#forget(first + i);
      this.pages[first + i] = { ...from, page: from.page + i };
    }
    from.piece.mapped += count;
  }

  unmap(first: number, count: number): void {
    this.native.unmap(BASE + first * PAGE, count * PAGE);
    for (let i = 0; i < count; i++) this.#forget(first + i);
  }

  release(): void {
    this.native.release();
    for (let page = 0; page < PAGES; page++) this.#forget(page);
  }

  /** What is mapped can be read. */
  allows(page: number, access: number): boolean {
    const mapping = this.pages[page];
    return mapping !== undefined && ((mapping.access | Access.Read) & access) !== 0;
  }

  /** How many of the bytes from `at` on may be accessed. */
  accessible(at: number, length: number, access: number): number {
    for (let page = Math.floor(at / PAGE); page * PAGE < at + length; page++)
      if (!this.allows(page, access)) return Math.max(0, page * PAGE - at);
    return length;
  }

  /** Calls `visit` with the model's bytes of [at, at + length), all of them mapped. */
  each(at: number, length: number, visit: (bytes: Uint8Array, done: number) => void): void {
    for (let done = 0; done < length;) {
      const { piece, page } = this.pages[Math.floor((at + done) / PAGE)] as Mapping;
      const offset = (at + done) % PAGE;
      const count = Math.min(PAGE - offset, length - done);
      const start = page * PAGE + offset;
      visit(piece.content.subarray(start, start + count), done);
      done += count;
    }
  }

  #forget(page: number): void {
    const mapping = this.pages[page];
    if (mapping !== undefined) mapping.piece.mapped--;
    this.pages[page] = undefined;
  }
}

/**
 * The memfd that guest pages come from. Pages are allocated at the lowest offset that fits, so that the file stays
 * dense; large allocations are aligned so that large page-table entries can map them.
 *
 * Invariant: every free page reads as zeroes, but those in `#dirty`, which are zeroed when they are given out.
 * Small ranges go there because giving a page back to the host and getting it again costs many times a memset.
 */
import { native, type NativeMemoryFile } from '../host/native.js';
import type { AccessType } from '../platform/access.js';
import type { AddressSpace, Memory, MemoryKind } from '../platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';
import { PAGE_SIZE, formatRange, isPageAligned, type FileRange } from '../platform/file-range.js';
import { ExtentSet } from './extent-set.js';
import { PageReferences } from './page-references.js';

/** Unit of memory slots and of views. */
export const CHUNK_SIZE = 64 * 1024 * 1024;

const LARGE_PAGE = 2 * 1024 * 1024;
const SMALL_FREE = 256 * 1024;
const DIRTY_LIMIT = 2 * 1024 * 1024;

export class MemoryFile implements Memory {
  readonly native: NativeMemoryFile;
  readonly limit: number;
  readonly #clean = new ExtentSet();
  readonly #dirty = new ExtentSet();
  readonly #references = new PageReferences(CHUNK_SIZE);
  readonly #chunks: (Uint8Array | undefined)[] = [];
  #allocated = 0;
  #destroyed = false;

  /** `limit`: bytes that may be allocated, page-aligned. */
  constructor(limit: number) {
    if (!Number.isSafeInteger(limit) || limit <= 0 || !isPageAligned(limit)) {
      throw new PlatformError(`a memory limit is a positive multiple of 4096 bytes, not ${limit}`);
    }
    this.limit = limit;
    const size = Math.ceil(limit / CHUNK_SIZE) * CHUNK_SIZE;
    this.native = new native.MemoryFile(size);
    this.#clean.add(0, size);
  }

  get fd(): number {
    return this.native.fd;
  }

  get allocated(): number {
    return this.#allocated;
  }

  allocate(length: number, _kind: MemoryKind): FileRange {
    if (!Number.isSafeInteger(length) || length <= 0 || !isPageAligned(length)) {
      throw new PlatformError(`memory is allocated in pages, not ${length} bytes`);
    }
    if (this.#allocated + length > this.limit) {
      throw new OutOfMemoryError(`the memory limit of ${this.limit} bytes is reached`);
    }
    const start = this.#take(length);
    const range = { start, end: start + length };
    this.#references.init(range);
    this.#allocated += length;
    return range;
  }

  decommit(range: FileRange): void {
    const status = this.native.decommit(range.start, range.end - range.start);
    if (status < 0)
      throw new PlatformError(`cannot give memory back to the host: errno ${-status}`);
  }

  mapInto(
    addressSpace: AddressSpace,
    address: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void {
    addressSpace.mapFile(address, this.fd, range, access, precommit);
  }

  mapInternal(range: FileRange, _access: AccessType): Uint8Array[] {
    const first = Math.floor(range.start / CHUNK_SIZE);
    if (range.end <= (first + 1) * CHUNK_SIZE) return [this.#view(first, range.start, range.end)];
    const blocks: Uint8Array[] = [];
    for (let at = range.start; at < range.end;) {
      const chunk = Math.floor(at / CHUNK_SIZE);
      const end = Math.min(range.end, (chunk + 1) * CHUNK_SIZE);
      blocks.push(this.#view(chunk, at, end));
      at = end;
    }
    return blocks;
  }

  incRef(range: FileRange): void {
    if (!this.#references.increment(range)) this.#refuseReference(range);
  }

  decRef(range: FileRange): void {
    const known = this.#references.decrement(range, (start, end) => {
      this.#free(start, end);
    });
    if (!known) this.#refuseReference(range);
  }

  totalUsage(): number {
    return this.native.usage();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#chunks.length = 0;
    this.native.destroy();
  }

  #take(length: number): number {
    if (length <= SMALL_FREE) {
      const reused = this.#dirty.take(length, PAGE_SIZE);
      if (reused >= 0) {
        const range = { start: reused, end: reused + length };
        for (const block of this.mapInternal(range, 0)) block.fill(0);
        return reused;
      }
    }
    const start = this.#takeClean(length);
    if (start >= 0) return start;
    this.#dirty.drain((range) => {
      this.decommit(range);
      this.#clean.add(range.start, range.end);
    });
    const last = this.#takeClean(length);
    if (last < 0) throw new OutOfMemoryError(`no ${length} bytes of memory in a row are left`);
    return last;
  }

  #takeClean(length: number): number {
    const aligned = length >= LARGE_PAGE ? this.#clean.take(length, LARGE_PAGE) : -1;
    return aligned >= 0 ? aligned : this.#clean.take(length, PAGE_SIZE);
  }

  #free(start: number, end: number): void {
    const length = end - start;
    this.#allocated -= length;
    if (this.#destroyed) return;
    if (length <= SMALL_FREE && this.#dirty.total + length <= DIRTY_LIMIT) {
      this.#dirty.add(start, end);
      return;
    }
    this.decommit({ start, end });
    this.#clean.add(start, end);
  }

  #view(chunk: number, start: number, end: number): Uint8Array {
    const whole = (this.#chunks[chunk] ??= new Uint8Array(
      this.native.view(chunk * CHUNK_SIZE, CHUNK_SIZE),
    ));
    const base = chunk * CHUNK_SIZE;
    return whole.subarray(start - base, end - base);
  }

  #refuseReference(range: FileRange): never {
    throw new PlatformError(
      `${formatRange(range)} of the memory file has pages that are not allocated; ` +
        'match every decRef with an incRef or an allocate, on page boundaries',
    );
  }
}

/**
 * The memfd that guest pages come from. Pages are allocated at the lowest offset that fits, so that the file stays
 * dense; large allocations are aligned so that large page-table entries can map them.
 *
 * Invariant: every free page reads as zeroes, but those in `#dirty`, which are zeroed when they are given out.
 * Small ranges go there because giving a page back to the host and getting it again costs many times a memset.
 */
import type { NativeMemoryFile } from '../host/native.js';
import type { AccessType } from '../platform/access.js';
import type { AddressSpace, Memory, MemoryKind, MemoryUsage } from '../platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';
import {
  formatRange,
  isPageAligned,
  pageRoundDown,
  pageRoundUp,
  type FileRange,
} from '../platform/file-range.js';
import { ExtentSet } from './extent-set.js';
import { FileMapping } from './file-mapping.js';
import { Frames, MOST_REFERENCES } from './frames.js';
import type { Loaded } from './load.js';
import { NO_USAGE, isMemoryKind, measureUsage } from './usage.js';

const LARGE_PAGE = 2 * 1024 * 1024;
const SMALL_FREE = 256 * 1024;
const DIRTY_LIMIT = 2 * 1024 * 1024;

export class MemoryFile implements Memory {
  readonly limit: number;
  readonly #mapping: FileMapping;
  readonly #clean = new ExtentSet(LARGE_PAGE);
  readonly #dirty = new ExtentSet(LARGE_PAGE);
  #frames: Frames;
  #allocated = 0;
  #usage = NO_USAGE;
  /** What is under way that nothing may change the memory in. */
  #frozenBy: 'saved' | 'loaded' | undefined;

  /** `limit`: bytes that may be allocated, page-aligned. */
  constructor(limit: number) {
    if (!Number.isSafeInteger(limit) || limit <= 0 || !isPageAligned(limit)) {
      throw new PlatformError(`a memory limit is a positive multiple of 4096 bytes, not ${limit}`);
    }
    this.limit = limit;
    this.#mapping = new FileMapping(limit);
    this.#frames = new Frames(this.#mapping.size);
    this.#clean.add(0, this.#mapping.size);
  }

  get native(): NativeMemoryFile {
    return this.#mapping.native;
  }

  get fd(): number {
    return this.native.fd;
  }

  get allocated(): number {
    return this.#allocated;
  }

  get usage(): MemoryUsage {
    return this.#usage;
  }

  allocate(length: number, kind: MemoryKind): FileRange {
    if (!Number.isSafeInteger(length) || length <= 0 || !isPageAligned(length)) {
      throw new PlatformError(`memory is allocated in pages, not ${length} bytes`);
    }
    if (!isMemoryKind(kind)) throw new PlatformError(`there is no memory kind ${String(kind)}`);
    this.#checkChangeable();
    this.#mapping.checkUsable();
    if (this.#allocated + length > this.limit) {
      throw new OutOfMemoryError(`the memory limit of ${this.limit} bytes is reached`);
    }
    const start = this.#take(length);
    const range = { start, end: start + length };
    this.#frames.assign(range, kind, 1);
    this.#allocated += length;
    return range;
  }

  isShared(range: FileRange): boolean {
    return this.#checkPages(range).most > 1;
  }

  decommit(range: FileRange): void {
    this.#checkChangeable();
    this.#checkPages(range);
    this.#mapping.decommit(range);
  }

  mapInto(
    addressSpace: AddressSpace,
    address: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void {
    this.#checkPages(range);
    addressSpace.mapFile(address, this.fd, range, access, precommit);
  }

  mapInternal(range: FileRange, _access: AccessType): Uint8Array[] {
    const { start, end } = range;
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start >= end) {
      throw new PlatformError(`${formatRange(range)} is no range of bytes`);
    }
    this.#checkPages({ start: pageRoundDown(start), end: pageRoundUp(end) });
    return this.#mapping.blocks(range);
  }

  incRef(range: FileRange): void {
    this.#checkChangeable();
    if (this.#checkPages(range).most === MOST_REFERENCES) {
      throw new PlatformError(`${formatRange(range)} has a page with too many references`);
    }
    this.#frames.increment(range);
  }

  decRef(range: FileRange): void {
    this.#checkChangeable();
    if (this.#checkPages(range).fewest > 1) this.#frames.decrement(range);
    else for (const freed of this.#frames.release(range)) this.#free(freed);
  }

  updateUsage(): void {
    this.#usage = measureUsage(this.#mapping, this.#frames);
  }

  totalUsage(): number {
    this.#mapping.checkUsable();
    return this.native.usage();
  }

  totalSize(): number {
    return this.#mapping.size;
  }

  destroy(): void {
    this.#mapping.destroy();
  }

  saveTo(writable: NodeJS.WritableStream): Promise<void> {
    return this.#freeze('saved', async () => {
      this.#cleanFree();
      const { save } = await import('./save.js');
      await save(writable, this.#mapping, this.#frames, this.#allocated);
    });
  }

  loadFrom(readable: NodeJS.ReadableStream): Promise<void> {
    return this.#freeze('loaded', async () => {
      this.#cleanFree();
      // Contents can be read straight into a memory in which nothing is allocated. Otherwise they wait beside it.
      const target = this.#allocated === 0 ? this.#mapping : new FileMapping(this.totalSize());
      try {
        const { load } = await import('./load.js');
        const loaded = await load(readable, target, this.limit);
        this.#mapping.checkUsable();
        if (target !== this.#mapping) this.#mapping.moveFrom(target);
        this.#replace(loaded);
      } catch (error) {
        if (target !== this.#mapping) target.destroy();
        else if (!target.destroyed) target.decommit({ start: 0, end: target.size });
        throw error;
      }
    });
  }

  /** Lets nothing change the memory until `action` is done. */
  async #freeze(reason: 'saved' | 'loaded', action: () => Promise<void>): Promise<void> {
    this.#checkChangeable();
    this.#mapping.checkUsable();
    this.#frozenBy = reason;
    try {
      await action();
    } catch (error) {
      if (!this.#mapping.destroyed) throw error;
      throw new PlatformError(`the memory was destroyed while it was being ${reason}`, {
        cause: error,
      });
    } finally {
      this.#frozenBy = undefined;
    }
  }

  #replace({ frames, allocated }: Loaded): void {
    this.#frames = frames;
    this.#allocated = allocated;
    this.#clean.drain(() => undefined);
    for (const { start, end, references } of frames.runs({ start: 0, end: this.totalSize() })) {
      if (references === 0) this.#clean.add(start, end);
    }
  }

  #take(length: number): number {
    if (length <= SMALL_FREE) {
      const reused = this.#dirty.take(length);
      if (reused >= 0) {
        const range = { start: reused, end: reused + length };
        for (const block of this.#mapping.blocks(range)) block.fill(0);
        return reused;
      }
    }
    const start = this.#takeClean(length);
    if (start >= 0) return start;
    this.#cleanFree();
    const last = this.#takeClean(length);
    if (last < 0) throw new OutOfMemoryError(`no ${length} bytes of memory in a row are left`);
    return last;
  }

  #takeClean(length: number): number {
    const aligned = length >= LARGE_PAGE ? this.#clean.takeAligned(length) : -1;
    return aligned >= 0 ? aligned : this.#clean.take(length);
  }

  #cleanFree(): void {
    this.#dirty.drain((range) => {
      this.#mapping.decommit(range);
      this.#clean.add(range.start, range.end);
    });
  }

  #free(range: FileRange): void {
    const length = range.end - range.start;
    this.#allocated -= length;
    if (this.#mapping.destroyed) return;
    if (length <= SMALL_FREE && this.#dirty.total + length <= DIRTY_LIMIT) {
      this.#dirty.add(range.start, range.end);
      return;
    }
    this.#mapping.decommit(range);
    this.#clean.add(range.start, range.end);
  }

  /**
   * Fewest and most references of a page in `range`.
   * @throws {PlatformError} unless it is one of whole pages, all of them allocated
   */
  #checkPages(range: FileRange): { fewest: number; most: number } {
    const { start, end } = range;
    if (!isPageAligned(start) || !isPageAligned(end) || start < 0 || start >= end) {
      throw new PlatformError(`${formatRange(range)} is no range of whole pages`);
    }
    const references = end > this.totalSize() ? undefined : this.#frames.references(range);
    if (references === undefined || references.fewest === 0) {
      throw new PlatformError(
        `${formatRange(range)} of the memory file has pages that are not allocated; ` +
          'match every decRef with an incRef or an allocate',
      );
    }
    return references;
  }

  #checkChangeable(): void {
    if (this.#frozenBy === undefined) return;
    throw new PlatformError(`the memory is being ${this.#frozenBy}; await that first`);
  }
}

/**
 * The contents of a regular file in guest memory: all of an in-memory file; of a host file those pages that are
 * mapped or were written. Pages not there read from the backing, or as zeroes.
 */
import { type FileRange, PAGE_SIZE } from '../../platform/file-range.js';
import type { MemoryKind } from '../../platform/contract.js';
import { Access } from '../../platform/access.js';
import { Errno } from '../abi/errno.js';
import { Whence } from '../abi/fcntl.js';
import type { GuestMemory } from '../guest.js';
import type { Mappable, MappingObserver } from '../mm/mappable.js';
import type { Backing } from './backing.js';
import { DirtyPages } from './dirty-pages.js';
import { PageFrames } from './page-frames.js';

/** Pages read at a time around a page that is mapped. */
const CLUSTER_PAGES = 16;
const ZEROES = new Uint8Array(64 * 1024);
/** Pages allocated at a time. */
const MAX_ALLOCATION_PAGES = 256;

export class FileData implements Mappable {
  readonly #pages: PageFrames;
  readonly #dirty = new DirtyPages();
  readonly #observers = new Set<MappingObserver>();
  #size = 0;
  /** Bytes of the backing that still show. */
  #backed = 0;

  constructor(
    readonly memory: GuestMemory,
    kind: MemoryKind,
    readonly backing?: Backing,
  ) {
    this.#pages = new PageFrames(memory, kind);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of guest memory held. */
  get allocated(): number {
    return this.#pages.size * PAGE_SIZE;
  }

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** Mappings wrote, or may have written, what the host file does not have. */
  get isDirty(): boolean {
    return !this.#dirty.isEmpty;
  }

  /** A mapping may write to it. */
  get hasSharedWriter(): boolean {
    return [...this.#observers].some((observer) => observer.sharedWritable);
  }

  get isMapped(): boolean {
    return this.#observers.size > 0;
  }

  /** The backing holds so many bytes, all of which show. */
  setBackedSize(size: number): void {
    this.#size = size;
    this.#backed = size;
  }

  /** Forgets pages that only repeat the backing, which has changed. */
  invalidate(): void {
    this.#dropPages(0, Infinity, false);
  }

  /** Writes all pages back and forgets them. Mappings lose them first, so that nothing is written in between. */
  evict(): number {
    this.#unmap(0, Infinity, false);
    const error = this.sync(0, Infinity);
    if (error === 0) {
      this.#dropPages(0, Infinity, false);
    }
    return error;
  }

  /** lseek(2) with SEEK_DATA and SEEK_HOLE, where nothing is behind the pages: those absent are holes. */
  seekData(offset: number, whence: number): number {
    const first = Math.floor(offset / PAGE_SIZE);
    const page =
      whence === Whence.DATA ? this.#pages.nextPresent(first) : this.#pages.nextAbsent(first);
    const at = Math.max(offset, page * PAGE_SIZE);
    if (whence === Whence.HOLE) {
      return Math.min(at, this.#size);
    }
    return at < this.#size ? at : -Errno.ENXIO;
  }

  read(dst: Uint8Array, offset: number): number {
    const end = Math.min(offset + dst.length, this.#size);
    let at = offset;
    while (at < end) {
      const count = this.#readRun(dst.subarray(at - offset, end - offset), at);
      if (count < 0) {
        return at > offset ? at - offset : count;
      }
      if (count === 0) {
        break;
      }
      at += count;
    }
    return Math.max(0, at - offset);
  }

  /** Fills the start of `dst`: as far as the pages there are contiguous, or absent. */
  #readRun(dst: Uint8Array, offset: number): number {
    const first = Math.floor(offset / PAGE_SIZE);
    const skip = offset - first * PAGE_SIZE;
    const frame = this.#pages.get(first);
    const pages = this.#pages.runLength(first, Math.ceil((skip + dst.length) / PAGE_SIZE));
    const length = Math.min(dst.length, pages * PAGE_SIZE - skip);
    if (frame === undefined) {
      return this.#readBacking(dst.subarray(0, length), offset);
    }
    this.#pages.copyFrom(frame + skip, dst.subarray(0, length));
    return length;
  }

  /** Reads what no page holds. Always fills `dst`, unless the host fails. */
  #readBacking(dst: Uint8Array, offset: number): number {
    const wanted = Math.min(dst.length, Math.max(0, this.#backed - offset));
    let done = 0;
    while (done < wanted && this.backing !== undefined) {
      const count = this.backing.pread(dst.subarray(done, wanted), offset + done);
      if (count < 0) {
        return done > 0 ? done : count;
      }
      if (count === 0) {
        break;
      }
      done += count;
    }
    dst.fill(0, done);
    return dst.length;
  }

  write(src: Uint8Array, offset: number): number {
    const error = this.#ensurePages(offset, src.length);
    if (error < 0) {
      return error;
    }
    this.#copyIn(src, offset);
    this.#size = Math.max(this.#size, offset + src.length);
    return src.length;
  }

  /** Updates pages that are there after the backing was written. */
  overwritePresent(src: Uint8Array, offset: number): void {
    if (this.#pages.size > 0) {
      this.#copyIn(src, offset);
    }
    this.#size = Math.max(this.#size, offset + src.length);
    this.#backed = Math.max(this.#backed, this.#size);
  }

  #copyIn(src: Uint8Array, offset: number): void {
    for (let done = 0; done < src.length;) {
      const at = offset + done;
      const first = Math.floor(at / PAGE_SIZE);
      const skip = at - first * PAGE_SIZE;
      const frame = this.#pages.get(first);
      const pages = this.#pages.runLength(first, Math.ceil((skip + src.length - done) / PAGE_SIZE));
      const length = Math.min(src.length - done, pages * PAGE_SIZE - skip);
      if (frame !== undefined) {
        this.#pages.copyTo(frame + skip, src.subarray(done, done + length));
      }
      done += length;
    }
  }

  /** Makes the pages of [offset, offset + length) present, to be overwritten there. */
  #ensurePages(offset: number, length: number): number {
    const first = Math.floor(offset / PAGE_SIZE);
    const end = Math.ceil((offset + length) / PAGE_SIZE);
    for (let page = first; page < end;) {
      if (this.#pages.has(page)) {
        page++;
        continue;
      }
      const count = this.#pages.runLength(page, Math.min(end - page, MAX_ALLOCATION_PAGES));
      const isPartly = (at: number): boolean =>
        at * PAGE_SIZE < offset || (at + 1) * PAGE_SIZE > offset + length;
      const error = this.#addPages(page, count, isPartly);
      if (error < 0) {
        return error;
      }
      page += count;
    }
    return 0;
  }

  #addPages(page: number, count: number, mustFill: (page: number) => boolean): number {
    const range = this.#pages.allocate(count);
    if (typeof range === 'number') {
      return range;
    }
    // Filled in one go, from the first page that must be: those behind it perhaps in vain.
    let first = 0;
    while (first < count && !mustFill(page + first)) {
      first++;
    }
    const start = range.start + first * PAGE_SIZE;
    const error = this.#fill({ start, end: range.end }, (page + first) * PAGE_SIZE);
    if (error < 0) {
      this.memory.decRef(range);
      return error;
    }
    this.#pages.place(page, range);
    return 0;
  }

  #fill(range: FileRange, offset: number): number {
    if (range.start === range.end || offset >= this.#backed) {
      return 0;
    }
    let at = offset;
    for (const block of this.memory.mapInternal(range, Access.Write)) {
      const count = this.#readBacking(block, at);
      if (count < 0) {
        return count;
      }
      at += block.length;
    }
    return 0;
  }

  /** Makes the bytes zero; whole pages of them go, where nothing behind would show. */
  punch(offset: number, length: number): number {
    const first = Math.ceil(offset / PAGE_SIZE);
    const end = Math.floor((offset + length) / PAGE_SIZE);
    if (this.backing !== undefined || first >= end) {
      return this.zero(offset, length);
    }
    this.#dropPages(first, end, false);
    const error = this.zero(offset, first * PAGE_SIZE - offset);
    return error < 0 ? error : this.zero(end * PAGE_SIZE, offset + length - end * PAGE_SIZE);
  }

  /** Makes the bytes zero, without a page for those that are. */
  zero(offset: number, length: number): number {
    const end = Math.min(offset + length, this.#size);
    for (let at = offset; at < end;) {
      const first = Math.floor(at / PAGE_SIZE);
      const pages = this.#pages.runLength(first, Math.ceil(end / PAGE_SIZE) - first);
      const stop = Math.min(end, (first + pages) * PAGE_SIZE);
      const part = Math.min(stop - at, ZEROES.length);
      const frame = this.#pages.get(first);
      if (frame !== undefined) {
        this.#pages.copyTo(frame + (at % PAGE_SIZE), ZEROES.subarray(0, part));
        at += part;
      } else if (at < this.#backed) {
        const error = this.#ensurePages(at, Math.min(part, this.#backed - at));
        if (error < 0) {
          return error;
        }
      } else {
        at = stop;
      }
    }
    return 0;
  }

  truncate(size: number): void {
    if (size < this.#size) {
      const cut = Math.ceil(size / PAGE_SIZE);
      this.#clearTail(size);
      this.#dropPages(cut, Infinity, true);
    }
    this.#size = size;
    this.#backed = Math.min(this.#backed, size);
  }

  /** Zeroes what lies behind `size` in its page: it must not show when the file grows again. */
  #clearTail(size: number): void {
    const frame = this.#pages.get(Math.floor(size / PAGE_SIZE));
    const skip = size % PAGE_SIZE;
    if (frame !== undefined && skip > 0) {
      this.#pages.copyTo(frame + skip, new Uint8Array(PAGE_SIZE - skip));
    }
  }

  #unmap(from: number, end: number, truncated: boolean): void {
    for (const observer of this.#observers) {
      if (observer.fileEnd > from * PAGE_SIZE) {
        const stop = Math.min(observer.fileEnd, end * PAGE_SIZE);
        observer.invalidate(from * PAGE_SIZE, stop, truncated);
      }
    }
  }

  #dropPages(from: number, end: number, truncated: boolean): void {
    this.#unmap(from, end, truncated);
    this.#pages.drop(from, end, (page) => {
      this.#dirty.delete(page);
    });
  }

  /** The file is gone: its pages go back. */
  dispose(): void {
    this.#dropPages(0, Infinity, true);
  }

  pageAt(offset: number, maxLength: number, write: boolean): FileRange | undefined | number {
    if (offset >= this.#size) {
      return undefined;
    }
    const page = Math.floor(offset / PAGE_SIZE);
    const error = this.#populate(page, maxLength);
    const frame = this.#pages.get(page);
    if (frame === undefined) {
      return error === -Errno.ENOSPC ? -Errno.ENOMEM : error;
    }
    const end = Math.ceil(this.#size / PAGE_SIZE);
    const limit = Math.max(1, Math.min(Math.floor(maxLength / PAGE_SIZE), end - page));
    const count = this.#pages.runLength(page, limit);
    if (write && this.backing?.pwrite !== undefined) {
      this.#dirty.add(page, count);
    }
    return { start: frame, end: frame + count * PAGE_SIZE };
  }

  /** Reads `page` and, where it was not there, those after it. */
  #populate(page: number, maxLength: number): number {
    if (this.#pages.has(page)) {
      return 0;
    }
    const end = Math.ceil(this.#size / PAGE_SIZE);
    const wanted = Math.max(CLUSTER_PAGES, Math.floor(maxLength / PAGE_SIZE));
    const count = this.#pages.runLength(page, Math.min(wanted, end - page, MAX_ALLOCATION_PAGES));
    const error = this.#addPages(page, count, () => true);
    return error < 0 && count > 1 ? this.#addPages(page, 1, () => true) : error;
  }

  isResident(offset: number): boolean {
    return this.#pages.has(Math.floor(offset / PAGE_SIZE));
  }

  attach(observer: MappingObserver): void {
    this.#observers.add(observer);
  }

  detach(observer: MappingObserver): void {
    if (this.#observers.delete(observer) && this.#observers.size === 0) {
      this.sync(0, Infinity);
    }
  }

  /** Writes pages that mappings changed to the host. */
  sync(start: number, end: number): number {
    return this.#dirty.sync(start, end, this.isMapped, (page) => this.#writeBack(page));
  }

  #writeBack(page: number): number {
    const offset = page * PAGE_SIZE;
    const length = Math.min(PAGE_SIZE, this.#size - offset);
    const frame = this.#pages.get(page);
    if (frame === undefined || length <= 0) {
      return 0;
    }
    const contents = new Uint8Array(length);
    this.#pages.copyFrom(frame, contents);
    return Math.min(0, this.backing?.pwrite?.(contents, offset) ?? 0);
  }
}

/** Demand paging: makes pages resident when they are touched, and copies them when they are written. */
import { Access, type AccessType } from '../../platform/access.js';
import { OutOfMemoryError } from '../../platform/errors.js';
import { PAGE_SIZE, type FileRange } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { Signo, SiCode } from '../abi/signal.js';
import { MemoryKind } from '../../platform/contract.js';
import type { GuestMemory } from '../guest.js';
import { copyFrames } from './copy-frames.js';
import type { Mappable } from './mappable.js';
import type { Holding, PageRun, ResidentPages } from './resident-pages.js';
import type { Vma } from './vma.js';

/** A signal that a memory access brings, as siginfo_t has it. */
export interface Fault {
  readonly signo: number;
  readonly code: number;
}

export const MAPERR: Fault = { signo: Signo.SIGSEGV, code: SiCode.SEGV_MAPERR };
export const ACCERR: Fault = { signo: Signo.SIGSEGV, code: SiCode.SEGV_ACCERR };
const BUS_ERROR: Fault = { signo: Signo.SIGBUS, code: SiCode.BUS_ADRERR };
/** What Linux's out-of-memory killer sends. */
export const OUT_OF_MEMORY: Fault = { signo: Signo.SIGKILL, code: SiCode.SI_KERNEL };

const KIB = 1024;
/** A fault costs a way out of the guest, so each makes more than a page resident. */
const FIRST_CHUNK = 64 * KIB;
/** The size of a large page: chunks grow to it where faults come in sequence. */
const LARGE_CHUNK = 2048 * KIB;
/** Read from a file at once. */
const FILE_WINDOW = 128 * KIB;
/** Mapped at once of what is in memory already. */
const RESIDENT_WINDOW = 512 * KIB;
/** The same as a segment is mapped. */
const SEGMENT_WINDOW = 16 * 1024 * KIB;
/** Pieces that are mapped at once: as many as a fault may, and no call of a program's takes long. */
const MOST_RUNS = 128;
/** Copied at once of an image that is written, at first and at most. */
const COPY_WINDOW = 64 * KIB;
const MOST_COPIED = 256 * KIB;
/** Copied at once where a page is written that a fork left shared: a fault costs as much as copying some pages. */
const FORK_WINDOW = 32 * KIB;
/** A writable segment of an image up to this size: all of it will be written. */
const DATA_SEGMENT = 64 * KIB;

const OWNED = { owned: true, writeProtected: false } as const;
/** In place of what a fork left shared. */
const HOT = { ...OWNED, hot: true } as const;

export class Pager {
  readonly #memory: GuestMemory;

  constructor(readonly pages: ResidentPages) {
    this.#memory = pages.memory;
  }

  /** Makes the page at `page` accessible in `vma`, which permits `access`. */
  fault(vma: Vma, page: number, access: AccessType): Fault | 0 {
    try {
      return this.#resolve(vma, page, access, Infinity);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
    // There may be memory for the page alone.
    vma.faultAround = PAGE_SIZE;
    vma.copyAround = 0;
    try {
      return this.#resolve(vma, page, access, PAGE_SIZE);
    } catch (error) {
      if (error instanceof OutOfMemoryError) return OUT_OF_MEMORY;
      throw error;
    }
  }

  /** `most`: bytes around it that are made so as well. */
  #resolve(vma: Vma, page: number, access: AccessType, most: number): Fault | 0 {
    const run = this.pages.find(page);
    if (run === undefined) {
      return vma.file === undefined
        ? this.#populateAnonymous(vma, page, most)
        : this.#populateFile(vma, vma.file.mappable, page, access, most);
    }
    if (access === Access.Write && run.writeProtected) {
      return this.#makeWritable(vma, page, run, most);
    }
    this.pages.retranslate(page, PAGE_SIZE);
    return 0;
  }

  /** Makes [start, end) of `vma` resident, as far as memory reaches. */
  populate(vma: Vma, start: number, end: number, access: AccessType): Fault | 0 {
    for (let at = start; at < end;) {
      const run = this.pages.find(at);
      if (run === undefined || (access === Access.Write && run.writeProtected)) {
        if (vma.file === undefined && run === undefined) vma.faultAround = LARGE_CHUNK;
        const fault = this.fault(vma, at, access);
        if (fault !== 0) return fault;
      }
      const resident = this.pages.find(at);
      at = resident === undefined ? at + PAGE_SIZE : Math.max(resident.end, at + PAGE_SIZE);
    }
    return 0;
  }

  /** The same as a lock or MAP_POPULATE asks for it: what is private and may be written as if it were. */
  bringIn(vma: Vma, start: number, end: number): Fault | 0 {
    if (vma.access === 0) return ACCERR;
    const write = !vma.shared && (vma.access & Access.Write) !== 0;
    return this.populate(vma, start, end, write ? Access.Write : Access.Read);
  }

  /**
   * A segment of an image has been mapped, [start, end) of `vma`: brings in a small writable area, for the loader's
   * relocations are about to write it; else what others have brought into memory already, which costs less than a fault.
   */
  bringInSegment(vma: Vma, start: number, end: number): void {
    if (isDataSegment(vma)) {
      this.fault(vma, vma.start, Access.Write);
    } else if (vma.image && vma.file !== undefined && showsFile(vma) && this.#prefersEarly) {
      this.#mapResident(vma, vma.file.mappable, start, Math.min(end, start + SEGMENT_WINDOW));
    }
  }

  get #prefersEarly(): boolean {
    return this.pages.addressSpace.prefersPrecommit;
  }

  #populateAnonymous(vma: Vma, page: number, most: number): Fault | 0 {
    const size = Math.min(this.#nextChunk(vma, page), most);
    const low = page - (page % size);
    const hole = this.pages.holeAround(
      page,
      Math.max(low, vma.start),
      Math.min(low + size, vma.end),
    );
    const frames = this.#memory.allocate(hole.end - hole.start, MemoryKind.Anonymous);
    this.#add(vma, hole.start, frames, OWNED);
    vma.expectedFault = vma.growsDown ? hole.start - PAGE_SIZE : hole.end;
    return 0;
  }

  /**
   * Bytes to populate: doubled, up to a large page, while faults come in sequence: where the last population
   * ended, or beside pages that are there already, as with an allocator that maps each block below the last.
   */
  #nextChunk(vma: Vma, page: number): number {
    const size = vma.faultAround;
    if (size === 0) vma.faultAround = FIRST_CHUNK;
    else if (size < LARGE_CHUNK && this.#isSequential(vma, page, size)) vma.faultAround *= 2;
    return vma.faultAround;
  }

  #isSequential(vma: Vma, page: number, size: number): boolean {
    if (page === vma.expectedFault) return true;
    const low = page - (page % size);
    const above = low + size;
    return (
      (low > vma.start && this.pages.find(low - 1) !== undefined) ||
      (above < vma.end && this.pages.find(above) !== undefined)
    );
  }

  #populateFile(
    vma: Vma,
    file: Mappable,
    page: number,
    access: AccessType,
    most: number,
  ): Fault | 0 {
    const dataSegment = isDataSegment(vma);
    const copy = dataSegment || (!vma.shared && access === Access.Write);
    const size = Math.min(dataSegment || !copy ? FILE_WINDOW : this.#copyWindow(vma, page), most);
    const low = lowOf(vma, page, size);
    const hole = this.pages.holeAround(
      page,
      Math.max(low, vma.start),
      Math.min(low + size, vma.end),
    );
    if (copy) return this.#copyFromFile(vma, file, page, hole.start, hole.end);
    const fault = this.#mapFromFile(vma, file, page, hole.start, hole.end, access);
    if (fault === 0 && access !== Access.Write && size < most) this.#mapAround(vma, file, page);
    return fault;
  }

  /** What others have brought in around `page` costs less than a fault. */
  #mapAround(vma: Vma, file: Mappable, page: number): void {
    const low = lowOf(vma, page, RESIDENT_WINDOW);
    const end = Math.min(low + RESIDENT_WINDOW, vma.end);
    this.#mapResident(vma, file, Math.max(low, vma.start), end);
  }

  /** Maps what is in memory of [start, end), write-protected, as far as there is memory for tables. */
  #mapResident(vma: Vma, file: Mappable, start: number, end: number): void {
    try {
      this.#mapAllResident(vma, file, start, end);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  #mapAllResident(vma: Vma, file: Mappable, start: number, end: number): void {
    let runs = 0;
    for (let at = start; at < end && runs < MOST_RUNS;) {
      const run = this.pages.find(at);
      const offset = vma.fileOffsetOf(at);
      if (run !== undefined) {
        at = run.end;
      } else if (file.isResident?.(offset) === true) {
        const hole = this.pages.holeAround(at, at, end);
        const frames = file.pageAt(offset, hole.end - at, false);
        if (typeof frames !== 'object') return;
        this.#memory.incRef(frames);
        this.#add(vma, at, frames, { owned: false, writeProtected: true });
        runs++;
        at += frames.end - frames.start;
      } else {
        at += PAGE_SIZE;
      }
    }
  }

  #mapFromFile(
    vma: Vma,
    file: Mappable,
    page: number,
    start: number,
    end: number,
    access: AccessType,
  ): Fault | 0 {
    const write = vma.shared && access === Access.Write;
    const how = { owned: false, writeProtected: !write };
    for (let at = start; at < end;) {
      const frames = file.pageAt(vma.fileOffsetOf(at), end - at, write);
      if (typeof frames === 'object') {
        this.#memory.incRef(frames);
        this.#add(vma, at, frames, how);
        at += frames.end - frames.start;
      } else if (at < page) {
        at += PAGE_SIZE;
      } else if (at === page) {
        return faultOf(frames);
      } else {
        break;
      }
    }
    return 0;
  }

  #copyFromFile(vma: Vma, file: Mappable, page: number, start: number, end: number): Fault | 0 {
    const first = file.pageAt(vma.fileOffsetOf(page), PAGE_SIZE, false);
    if (typeof first !== 'object') return faultOf(first);
    for (let at = start; at < end;) {
      const source = file.pageAt(vma.fileOffsetOf(at), end - at, false);
      if (typeof source !== 'object') {
        if (at >= page) return 0;
        at += PAGE_SIZE;
        continue;
      }
      this.#add(vma, at, copyFrames(this.#memory, source), OWNED);
      at += source.end - source.start;
    }
    return 0;
  }

  #makeWritable(vma: Vma, page: number, run: PageRun, most: number): Fault | 0 {
    if (vma.shared && vma.file !== undefined) {
      const frames = vma.file.mappable.pageAt(
        vma.fileOffsetOf(page),
        Math.min(run.end, vma.end) - page,
        true,
      );
      if (typeof frames !== 'object') return faultOf(frames);
      this.#memory.incRef(frames);
      this.#replace(vma, page, frames, { owned: false, writeProtected: false });
      return 0;
    }
    const size = Math.min(run.owned ? FORK_WINDOW : this.#copyWindow(vma, page), most);
    const low = lowOf(vma, page, size);
    const start = Math.max(low, run.start, vma.start);
    const end = Math.min(low + size, run.end, vma.end);
    if (run.owned && this.#unprotect(vma, page, run, start, end)) return 0;
    const copy = copyFrames(this.#memory, framesOf(run, start, end));
    this.#replace(vma, start, copy, run.owned ? HOT : OWNED);
    return 0;
  }

  /**
   * Bytes to copy of a file around a page that is written. One that is not written goes on showing what is written to
   * its file, so only images are copied ahead: the more, the more around it has been copied already.
   */
  #copyWindow(vma: Vma, page: number): number {
    if (!vma.image) return PAGE_SIZE;
    const size = Math.max(vma.copyAround, COPY_WINDOW);
    const low = lowOf(vma, page, size);
    const isCopied = (at: number): boolean =>
      at >= vma.start && at < vma.end && this.pages.find(at)?.owned === true;
    const grows = size < MOST_COPIED && (isCopied(low - PAGE_SIZE) || isCopied(low + size));
    vma.copyAround = grows ? 2 * size : size;
    return size;
  }

  /** After a fork whose other side has its own copy by now, or is gone: no copy is needed. */
  #unprotect(vma: Vma, page: number, run: PageRun, start: number, end: number): boolean {
    if (!this.#memory.isShared(framesOf(run, start, end))) {
      this.pages.unprotect(start, end, vma.pageAccess);
      return true;
    }
    if (this.#memory.isShared(framesOf(run, page, page + PAGE_SIZE))) return false;
    this.pages.unprotect(page, page + PAGE_SIZE, vma.pageAccess);
    return true;
  }

  #add(vma: Vma, start: number, frames: FileRange, how: Holding): void {
    try {
      this.pages.add(start, frames, vma.pageAccess, how);
    } catch (error) {
      this.#memory.decRef(frames);
      throw error;
    }
  }

  #replace(vma: Vma, start: number, frames: FileRange, how: Holding): void {
    try {
      this.pages.replace(start, frames, vma.pageAccess, how);
    } catch (error) {
      this.#memory.decRef(frames);
      throw error;
    }
  }
}

function isDataSegment(vma: Vma): boolean {
  return vma.image && !vma.shared && vma.permits(Access.Write) && vma.length <= DATA_SEGMENT;
}

/** May be read, and cannot come to differ from its file by being written. */
function showsFile(vma: Vma): boolean {
  return vma.permits(Access.Read) && !vma.permits(Access.Write);
}

/** The frames behind [start, end) of a run. */
function framesOf(run: PageRun, start: number, end: number): FileRange {
  const frame = run.frame + (start - run.start);
  return { start: frame, end: frame + (end - start) };
}

/** Where the window of `size` bytes around `page` begins: windows of a file's mapping are its file's. */
function lowOf(vma: Vma, page: number, size: number): number {
  return page - ((vma.file === undefined ? page : vma.fileOffsetOf(page)) % size);
}

function faultOf(answer: undefined | number): Fault {
  return answer === -Errno.ENOMEM ? OUT_OF_MEMORY : BUS_ERROR;
}

import { Access, type AccessType } from '../../platform/access.js';
import type { Interval } from './interval-list.js';
import type { MappedFile, MappingObserver } from './mappable.js';

/** What a mapping is, apart from where it lies. */
export interface VmaAttributes {
  /** `Access` bits, which are PROT_READ, PROT_WRITE and PROT_EXEC. */
  readonly access: AccessType;
  /** What mprotect(2) may raise it to. */
  readonly maxAccess: AccessType;
  readonly shared: boolean;
  /** Grows towards lower addresses when touched below its start. */
  readonly growsDown: boolean;
  readonly noReserve: boolean;
  /**
   * Part of a program's or library's image: nobody writes the file while it runs, so that pages of a private
   * mapping may be copied before they are written. MAP_DENYWRITE, which dynamic loaders set, says so.
   */
  readonly image: boolean;
  /** `undefined`: anonymous and private. Shared anonymous memory has a file of its own. */
  readonly file: MappedFile | undefined;
  /** madvise(2) with MADV_DONTFORK: a fork leaves it out. */
  readonly skippedByFork?: boolean;
  /** And with MADV_WIPEONFORK: it is there, but empty. */
  readonly wipedByFork?: boolean;
  readonly locked?: Locking;
}

/** Whether mlock(2) keeps the pages in memory, and brings them there: at once, or as they are touched. */
export type Locking = 'no' | 'at-once' | 'on-fault';

export type InvalidatePages = (vma: Vma, start: number, end: number, truncated: boolean) => void;

/** A virtual memory area: contiguous pages mapped alike. */
export class Vma implements Interval, MappingObserver {
  access: AccessType;
  readonly maxAccess: AccessType;
  readonly shared: boolean;
  readonly growsDown: boolean;
  readonly noReserve: boolean;
  readonly image: boolean;
  readonly file: MappedFile | undefined;
  /** Bytes that the next fault populates; the pager adapts it. */
  faultAround = 0;
  /** Where the last fault's population ended (for a stack, began): a fault there is sequential. */
  expectedFault = -1;
  /** Bytes of an image that the next copy takes; the pager adapts it. */
  copyAround = 0;
  skippedByFork: boolean;
  wipedByFork: boolean;
  locked: Locking;

  constructor(
    public start: number,
    public end: number,
    attributes: VmaAttributes,
    /** File offset of `start`. */
    public offset: number,
    readonly onInvalidate: InvalidatePages,
  ) {
    this.access = attributes.access;
    this.maxAccess = attributes.maxAccess;
    this.shared = attributes.shared;
    this.growsDown = attributes.growsDown;
    this.noReserve = attributes.noReserve;
    this.image = attributes.image;
    this.file = attributes.file;
    this.skippedByFork = attributes.skippedByFork ?? false;
    this.wipedByFork = attributes.wipedByFork ?? false;
    this.locked = attributes.locked ?? 'no';
  }

  get length(): number {
    return this.end - this.start;
  }

  get fileStart(): number {
    return this.offset;
  }

  get fileEnd(): number {
    return this.offset + this.length;
  }

  get sharedWritable(): boolean {
    return this.shared && (this.maxAccess & Access.Write) !== 0;
  }

  /** Private and writable: counts towards RLIMIT_DATA and the commit charge. */
  get isData(): boolean {
    return !this.shared && !this.growsDown && (this.access & Access.Write) !== 0;
  }

  /** Access in the page tables: on x86 what may be written or executed may be read. */
  get pageAccess(): AccessType {
    return this.access === 0 ? 0 : this.access | Access.Read;
  }

  /** Whether an access of one kind is permitted, as the fault handler of x86 decides. */
  permits(access: AccessType): boolean {
    if (access === Access.Write) return (this.access & Access.Write) !== 0;
    if (access === Access.Execute) return (this.access & Access.Execute) !== 0;
    return this.access !== 0;
  }

  fileOffsetOf(address: number): number {
    return this.offset + (address - this.start);
  }

  /** Cuts the part from `address` on off this area and gives it. */
  splitAt(address: number): Vma {
    const tail = new Vma(
      address,
      this.end,
      this,
      this.file === undefined ? 0 : this.fileOffsetOf(address),
      this.onInvalidate,
    );
    this.end = address;
    tail.attach();
    return tail;
  }

  /** Whether `next`, which begins where this ends, is the same mapping carried on. */
  continuesIn(next: Vma): boolean {
    return (
      this.end === next.start &&
      this.access === next.access &&
      this.maxAccess === next.maxAccess &&
      this.shared === next.shared &&
      this.growsDown === next.growsDown &&
      this.noReserve === next.noReserve &&
      this.image === next.image &&
      this.skippedByFork === next.skippedByFork &&
      this.wipedByFork === next.wipedByFork &&
      this.locked === next.locked &&
      this.file?.mappable === next.file?.mappable &&
      this.file?.name === next.file?.name &&
      (this.file === undefined || this.fileEnd === next.offset)
    );
  }

  attach(): void {
    this.file?.mappable.attach?.(this);
  }

  detach(): void {
    this.file?.mappable.detach?.(this);
  }

  invalidate(start: number, end: number, truncated: boolean): void {
    const from = this.start + Math.max(start - this.offset, 0);
    const to = Math.min(this.start + (end - this.offset), this.end);
    if (from < to) this.onInvalidate(this, from, to, truncated);
  }
}

/** The memory of one process: its mappings, and the way into them for system calls. */
import { Access, type AccessType } from '../../platform/access.js';
import { PAGE_SIZE, pageRoundDown, pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import type { GuestAddressSpace, GuestMemory } from '../guest.js';
import { Scratch } from '../scratch.js';
import type { Credentials } from '../task/credentials.js';
import type { ExecutedContents } from '../loader/executable-file.js';
import { FutexTable } from '../task/futex.js';
import { Rlimit, type ResourceLimits } from '../task/resource-limits.js';
import type { AddressLayout } from './address-layout.js';
import { CallSites } from './call-sites.js';
import { ACCERR, MAPERR, OUT_OF_MEMORY, Pager, type Fault } from './pager.js';
import { ResidentPages } from './resident-pages.js';
import { Vma, type Locking, type VmaAttributes } from './vma.js';
import { STACK_GUARD_GAP, VmaSet } from './vma-set.js';

/** One mapping, as /proc/PID/maps describes it (proc(5)). */
export interface VmaDescription {
  readonly start: number;
  readonly end: number;
  /** `Access` bits. */
  readonly access: AccessType;
  readonly shared: boolean;
  /** Byte offset in the file; 0 for anonymous memory. */
  readonly offset: number;
  /** Path of the file, `[heap]`, `[stack]`, or empty. */
  readonly name: string;
  readonly device: number;
  readonly inode: number;
  readonly locked: Locking;
}

export interface MemoryManagerParts {
  readonly addressSpace: GuestAddressSpace;
  readonly memory: GuestMemory;
  readonly layout: AddressLayout;
  readonly limits: ResourceLimits;
  /** Of whoever executed the program. */
  readonly identity?: Credentials | undefined;
}

/** Where the kernel put what belongs to the program itself (`struct mm_struct`). */
export interface ProgramLayout {
  startCode: number;
  endCode: number;
  startData: number;
  endData: number;
  startStack: number;
  argStart: number;
  argEnd: number;
  envStart: number;
  envEnd: number;
  /** The auxiliary vector as it lies on the stack, for /proc/PID/auxv. */
  auxv: Uint8Array;
}

const STRING_CHUNK = 256;
const scratch = new Scratch(PAGE_SIZE);
const scratchText = Buffer.from(scratch.bytes.buffer);
/** A stack grows by more than the page touched, so that the next pages come with it. */
const STACK_STEP = 64 * 1024;
/** Bytes of the host's that the records of a mapping and of a run of pages take. */
const MAPPING_SIZE = 320;
const RUN_SIZE = 128;
/** And that of a place that makes system calls. */
const CALL_SITE_SIZE = 192;

export class MemoryManager {
  readonly addressSpace: GuestAddressSpace;
  readonly memory: GuestMemory;
  readonly layout: AddressLayout;
  readonly limits: ResourceLimits;
  readonly identity: Credentials | undefined;
  /** As whom its threads run: faults know nothing of threads. */
  user: Credentials | undefined;
  readonly vmas = new VmaSet();
  readonly pages: ResidentPages;
  readonly pager: Pager;
  /** Undefined where system calls are left as the program has them. */
  readonly callSites: CallSites | undefined;
  /** The heap: from `startBrk` to the program break, brk(2). */
  startBrk = 0;
  brk = 0;
  /** What mlockall(2) with MCL_FUTURE says of mappings to come. */
  lockFuture: Locking = 'no';
  readonly program: ProgramLayout = {
    startCode: 0,
    endCode: 0,
    startData: 0,
    endData: 0,
    startStack: 0,
    argStart: 0,
    argEnd: 0,
    envStart: 0,
    envEnd: 0,
    auxv: new Uint8Array(0),
  };
  /** The program's own file, which is not written while this memory is there. */
  #executed: ExecutedContents | undefined;
  /** Words that futex(2) with FUTEX_PRIVATE_FLAG waits for, by address. */
  readonly futexes = new FutexTable();
  /** membarrier(2): the commands that were registered. */
  barriers = 0;
  /** A fork copies this memory, and lets others have turns meanwhile: no mapping may change until it is done. */
  copying: Promise<void> | undefined;
  #users = 1;
  readonly #kernelMemory: KernelMemory;
  /** Bytes of records that the kernel's memory has been asked for. */
  #accounted = 0;

  constructor(parts: MemoryManagerParts) {
    this.addressSpace = parts.addressSpace;
    this.memory = parts.memory;
    this.layout = parts.layout;
    this.limits = parts.limits;
    this.pages = new ResidentPages(parts.addressSpace, parts.memory);
    this.pager = new Pager(this.pages);
    const jumps = parts.addressSpace.callSites;
    this.identity = parts.identity;
    this.user = parts.identity;
    this.callSites = jumps && new CallSites(this, jumps, parts.identity);
    this.#kernelMemory = KernelMemory.of(parts.memory);
  }

  /**
   * Counts the records of mappings and pages, of which forks make any number over the same frames, among what the
   * kernel holds for the guest. False where there may be no more of them.
   */
  account(): boolean {
    const sites = this.callSites?.count ?? 0;
    const bytes =
      this.vmas.count * MAPPING_SIZE + this.pages.runCount * RUN_SIZE + sites * CALL_SITE_SIZE;
    const more = bytes - this.#accounted;
    if (more > 0 && !this.#kernelMemory.take(more)) return false;
    if (more < 0) this.#kernelMemory.give(-more);
    this.#accounted = bytes;
    return true;
  }

  /** Resolves an access that faulted: 0 where it may be repeated, else the signal it brings. */
  handleFault(address: number, access: AccessType): Fault | 0 {
    if (address >= this.layout.top) return MAPERR;
    const page = pageRoundDown(address);
    const vma = this.vmas.find(page) ?? this.#growStack(page);
    if (vma === undefined) return MAPERR;
    const kind = access === 0 ? Access.Read : access;
    if (!vma.permits(kind)) return ACCERR;
    if (!this.account()) return OUT_OF_MEMORY;
    const fault = this.pager.fault(vma, page, kind);
    if (fault === 0) this.callSites?.populated(vma);
    return fault;
  }

  /** Brings in the page at `address` for writing: whether it may be written. */
  makeWritable(address: number): boolean {
    return this.handleFault(address, Access.Write) === 0;
  }

  /** Bytes copied from the guest; fewer than asked means EFAULT at that point. */
  copyIn(address: number, dst: Uint8Array): number {
    const done = this.#copyIn(address, dst);
    if (this.callSites !== undefined && done > 0) {
      this.callSites.restore(address, dst.subarray(0, done));
    }
    return done;
  }

  /** Bytes copied to the guest; fewer than asked means EFAULT at that point. */
  copyOut(address: number, src: Uint8Array): number {
    const length = Math.min(src.length, this.layout.top - address);
    if (length <= 0) return 0;
    let done = 0;
    let stuckAt = -1;
    for (;;) {
      done += this.addressSpace.tryCopyOut(
        address + done,
        done === 0 && length === src.length ? src : src.subarray(done, length),
      );
      if (done >= length || done === stuckAt) return done;
      if (this.handleFault(address + done, Access.Write) !== 0) return done;
      stuckAt = done;
    }
  }

  /** All of it copied in: whether it was. */
  read(address: number, dst: Uint8Array): boolean {
    return this.copyIn(address, dst) === dst.length;
  }

  /** All of it copied out: 0, or -EFAULT. */
  write(address: number, src: Uint8Array): number {
    return this.copyOut(address, src) === src.length ? 0 : -Errno.EFAULT;
  }

  /** A NUL-terminated string of at most `max` bytes without its NUL, in Latin-1; or -EFAULT, -ENAMETOOLONG. */
  readCString(address: number, max: number): string | number {
    let text = '';
    for (let at = address; ;) {
      const room = PAGE_SIZE - (at % PAGE_SIZE);
      const wanted = Math.min(room, text === '' ? STRING_CHUNK : PAGE_SIZE);
      const count = this.copyIn(at, scratch.first(wanted));
      const end = scratch.first(count).indexOf(0);
      text += scratchText.toString('latin1', 0, end < 0 ? count : end);
      if (text.length > max) return -Errno.ENAMETOOLONG;
      if (end >= 0) return text;
      if (count < wanted) return -Errno.EFAULT;
      at += count;
    }
  }

  /** Mappings in ascending order. */
  *describe(): Iterable<VmaDescription> {
    for (const vma of this.vmas) {
      yield {
        start: vma.start,
        end: vma.end,
        access: vma.access,
        shared: vma.shared,
        offset: vma.file === undefined ? 0 : vma.offset,
        name: this.#nameOf(vma),
        device: vma.file?.device ?? 0,
        inode: vma.file?.inode ?? 0,
        locked: vma.locked,
      };
    }
  }

  /** Bytes mapped, and bytes resident: VmSize and VmRSS of /proc/PID/status. */
  get totalBytes(): number {
    return this.vmas.totalBytes;
  }

  /** VmLck. */
  get lockedBytes(): number {
    return this.vmas.lockedBytes;
  }

  /** Bytes of the host's that the records of mappings and pages take. */
  get accounted(): number {
    return this.#accounted;
  }

  get residentBytes(): number {
    return this.pages.bytes;
  }

  /** Adds a mapping where nothing is mapped. */
  insertVma(start: number, end: number, attributes: VmaAttributes, offset: number): Vma {
    const vma = new Vma(start, end, attributes, offset, (area, from, to, truncated) => {
      this.#invalidate(area, from, to, truncated);
    });
    return this.vmas.insert(vma);
  }

  /** Whether `bytes` more may be mapped, and counted as data: RLIMIT_AS, RLIMIT_DATA. */
  mayExpand(bytes: number, isData: boolean): boolean {
    if (this.vmas.totalBytes + bytes > this.limits.soft(Rlimit.As)) return false;
    return !isData || this.vmas.dataBytes + bytes <= this.limits.soft(Rlimit.Data);
  }

  /** Whether anything may be locked at all. */
  mayLockAny(by: Credentials): boolean {
    return by.euid === 0 || this.limits.soft(Rlimit.Memlock) > 0;
  }

  /** Whether `bytes` more may be locked: RLIMIT_MEMLOCK, which does not bind root (mlock(2)). */
  mayLock(bytes: number, by: Credentials | undefined): boolean {
    if (by?.euid === 0) return true;
    return this.vmas.lockedBytes + bytes <= this.limits.soft(Rlimit.Memlock);
  }

  /** The program in it, or that of the memory it is a copy of, is `contents`. */
  execute(contents: ExecutedContents | undefined): void {
    if (contents?.denyWriting() === 0) this.#executed = contents;
  }

  get executed(): ExecutedContents | undefined {
    return this.#executed;
  }

  /** clone(2) with CLONE_VM: one more task runs in this memory. */
  share(): this {
    this.#users++;
    return this;
  }

  /** Nothing is left of it. */
  get isReleased(): boolean {
    return this.#users === 0;
  }

  get isShared(): boolean {
    return this.#users > 1;
  }

  /** A user is gone; with the last one the address space ends and every frame is given back. */
  release(): void {
    if (--this.#users > 0) return;
    this.#executed?.allowWriting();
    this.vmas.clear();
    this.addressSpace.release();
    this.pages.releaseAll();
    this.#kernelMemory.give(this.#accounted);
    this.#accounted = 0;
  }

  #copyIn(address: number, dst: Uint8Array): number {
    const length = Math.min(dst.length, this.layout.top - address);
    if (length <= 0) return 0;
    let done = 0;
    let stuckAt = -1;
    for (;;) {
      done += this.addressSpace.tryCopyIn(
        address + done,
        done === 0 && length === dst.length ? dst : dst.subarray(done, length),
      );
      if (done >= length || done === stuckAt) return done;
      if (this.handleFault(address + done, Access.Read) !== 0) return done;
      stuckAt = done;
    }
  }

  #invalidate(vma: Vma, start: number, end: number, truncated: boolean): void {
    if (this.#users === 0) return;
    this.pages.drop(pageRoundDown(start), Math.min(pageRoundUp(end), vma.end), !truncated);
  }

  /** Extends a mapping that grows downwards to `page`, within RLIMIT_STACK and its guard gap. */
  #growStack(page: number): Vma | undefined {
    const vma = this.vmas.findFrom(page);
    if (vma?.growsDown !== true || page < STACK_GUARD_GAP) return undefined;
    const start = page - (page % STACK_STEP);
    if (this.#stackMayReach(vma, start)) this.vmas.resize(vma, start, vma.end);
    else if (this.#stackMayReach(vma, page)) this.vmas.resize(vma, page, vma.end);
    else return undefined;
    return vma;
  }

  #stackMayReach(vma: Vma, start: number): boolean {
    if (vma.end - start > this.limits.soft(Rlimit.Stack)) return false;
    if (!this.mayExpand(vma.start - start, false)) return false;
    if (vma.locked !== 'no' && !this.mayLock(vma.start - start, this.user)) return false;
    if (this.vmas.occupied(start, vma.start)) return false;
    const below = this.vmas.findBelow(start);
    // An inaccessible mapping below is the program's own guard; Linux lets the stack come up to it.
    if (below === undefined) return true;
    return below.end + (below.access === 0 ? 0 : STACK_GUARD_GAP) <= start;
  }

  #nameOf(vma: Vma): string {
    if (vma.file !== undefined) return vma.file.name;
    if (vma.start < this.brk && vma.end > this.startBrk) return '[heap]';
    const stack = this.program.startStack;
    return vma.start <= stack && stack < vma.end ? '[stack]' : '';
  }
}

/** mmap(2), munmap(2), mprotect(2) on a memory manager. Arguments are checked; results are addresses or -errno. */
import { Access, type AccessType } from '../../platform/access.js';
import { PAGE_SIZE, isPageAligned, pageRoundDown, pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { MMAP_MIN_ADDRESS } from './address-layout.js';
import { AnonymousFile } from './anonymous-file.js';
import type { MappedFile } from './mappable.js';
import type { MemoryManager } from './memory-manager.js';
import type { Credentials } from '../task/credentials.js';
import type { Vma, VmaAttributes } from './vma.js';

/** `vm.max_map_count`. */
const MAX_MAP_COUNT = 65530;
const LARGE_PAGE = 2 * 1024 * 1024;
const TWO_GIB = 2 ** 31;
/** Where MAP_32BIT looks: the second gibibyte. */
const LOW_AREA = 2 ** 30;

export interface MapRequest {
  readonly address: number;
  readonly length: number;
  readonly access: AccessType;
  readonly shared: boolean;
  readonly placement: 'anywhere' | 'fixed' | 'fixed-noreplace' | 'low-2g';
  readonly file?: MappedFile | undefined;
  /** Page-aligned. */
  readonly offset?: number;
  readonly growsDown?: boolean;
  readonly noReserve?: boolean;
  readonly populate?: boolean;
  /** See `VmaAttributes`. */
  readonly image?: boolean;
  /** MAP_LOCKED. */
  readonly locked?: boolean;
  /** Who asks, where that is a program. */
  readonly by?: Credentials;
}

export function mmap(mm: MemoryManager, request: MapRequest): number {
  const length = pageRoundUp(request.length);
  if (request.length === 0) return -Errno.EINVAL;
  if (length > mm.layout.top) return -Errno.ENOMEM;
  if ((request.offset ?? 0) + length > Number.MAX_SAFE_INTEGER) return -Errno.EOVERFLOW;
  if (!hasRoom(mm, 0)) return -Errno.ENOMEM;
  const attributes = attributesOf(mm, request, length);
  if (typeof attributes === 'number') return attributes;
  const start = place(mm, request, length);
  if (start < 0) return start;
  if (start < MMAP_MIN_ADDRESS) return -Errno.EPERM;
  const unlockable = refusesLock(mm, request, length);
  if (unlockable !== 0) return unlockable;
  const replaced = request.placement === 'fixed' ? bytesMapped(mm, start, start + length) : 0;
  if (!affordable(mm, attributes, length, replaced)) return -Errno.ENOMEM;
  if (request.placement === 'fixed') discard(mm, start, start + length);
  const vma = mm.insertVma(start, start + length, attributes, request.offset ?? 0);
  // A loader maps all of a library at first, and its segments over that.
  if (request.placement === 'fixed') {
    mm.pager.bringInSegment(vma, start, start + length);
    mm.callSites?.populated(vma);
  }
  const locked = vma.locked === 'at-once';
  if (locked || (request.populate === true && vma.locked === 'no')) {
    mm.pager.bringIn(vma, start, start + length);
  }
  return start;
}

/** -errno where the pages would have to be locked and must not be. */
function refusesLock(mm: MemoryManager, request: MapRequest, length: number): number {
  if (request.by === undefined) return 0;
  if (request.locked === true && !mm.mayLockAny(request.by)) return -Errno.EPERM;
  const locks = request.locked === true || mm.lockFuture !== 'no';
  return locks && !mm.mayLock(length, request.by) ? -Errno.EAGAIN : 0;
}

/** 0 where the range can be unmapped. */
export function checkMunmap(mm: MemoryManager, address: number, length: number): number {
  const size = pageRoundUp(length);
  if (!isPageAligned(address) || length === 0) return -Errno.EINVAL;
  if (size > mm.layout.top || address > mm.layout.top - size) return -Errno.EINVAL;
  return splitsBeyondLimit(mm, address, address + size) ? -Errno.ENOMEM : 0;
}

export function munmap(mm: MemoryManager, address: number, length: number): number {
  const error = checkMunmap(mm, address, length);
  if (error === 0) discard(mm, address, address + pageRoundUp(length));
  return error;
}

/** Changes what may be done to mapped pages. Pages before a hole are changed all the same, as on Linux. */
export function mprotect(
  mm: MemoryManager,
  address: number,
  length: number,
  access: AccessType,
  growsDown = false,
): number {
  if (!isPageAligned(address)) return -Errno.EINVAL;
  if (length === 0) return 0;
  const end = address + pageRoundUp(length);
  if (end > mm.layout.top) return -Errno.ENOMEM;
  let start = address;
  if (growsDown) {
    const vma = mm.vmas.find(address);
    if (vma?.growsDown !== true) return -Errno.EINVAL;
    start = vma.start;
  }
  if (isolatesBeyondLimit(mm, start, end)) return -Errno.ENOMEM;
  const result = protectAll(mm, start, end, access);
  mm.vmas.mergeWithin(start, end);
  return result;
}

function protectAll(mm: MemoryManager, start: number, end: number, access: AccessType): number {
  let at = start;
  for (const vma of mm.vmas.isolate(start, end)) {
    if (vma.start > at) return -Errno.ENOMEM;
    at = vma.end;
    if (vma.access === access) continue;
    if ((access & ~vma.maxAccess) !== 0) return -Errno.EACCES;
    const becomesData = (access & Access.Write) !== 0 && !vma.isData && !vma.shared;
    if (becomesData && !mm.mayExpand(0, false)) return -Errno.ENOMEM;
    mm.vmas.setAccess(vma, access);
    mm.pages.protect(vma.start, vma.end, vma.pageAccess);
  }
  return at >= end ? 0 : -Errno.ENOMEM;
}

/** Unmaps whatever lies in [start, end). */
export function discard(mm: MemoryManager, start: number, end: number): void {
  if (mm.vmas.remove(start, end).length > 0) mm.pages.drop(start, end);
}

/** A free place of `length` bytes for a mapping without an address; -ENOMEM where there is none. */
export function findFree(mm: MemoryManager, length: number, alignment = PAGE_SIZE): number {
  const { mmapBase, top } = mm.layout;
  const high = mm.vmas.gapBelow(length, MMAP_MIN_ADDRESS, mmapBase, alignment);
  if (high !== undefined) return high;
  const low = mm.vmas.gapAbove(length, pageRoundDown(top / 3), top);
  return low ?? -Errno.ENOMEM;
}

/** Whether there may be another mapping besides `more` others. */
export function hasRoom(mm: MemoryManager, more: number): boolean {
  return mm.vmas.count + more < MAX_MAP_COUNT && mm.account();
}

/** Whether areas that begin at `start` and end at `end` would make more mappings than may be. */
export function isolatesBeyondLimit(mm: MemoryManager, start: number, end: number): boolean {
  if (hasRoom(mm, 1)) return false;
  return [start, end].some((at) => (mm.vmas.find(at)?.start ?? at) < at);
}

/** Whether cutting [start, end) out would make more mappings than may be. */
export function splitsBeyondLimit(mm: MemoryManager, start: number, end: number): boolean {
  if (hasRoom(mm, 0)) return false;
  const vma = mm.vmas.find(start);
  return vma !== undefined && vma.start < start && vma.end > end;
}

function attributesOf(
  mm: MemoryManager,
  request: MapRequest,
  length: number,
): VmaAttributes | number {
  const { file, shared, access } = request;
  let maxAccess: AccessType = Access.Read | Access.Write | Access.Execute;
  if (file !== undefined) {
    if (!file.readable) return -Errno.EACCES;
    if (shared && !file.writable) {
      if ((access & Access.Write) !== 0) return -Errno.EACCES;
      maxAccess &= ~Access.Write;
    }
    if (file.noExecute) {
      if ((access & Access.Execute) !== 0) return -Errno.EPERM;
      maxAccess &= ~Access.Execute;
    }
    if (request.growsDown === true) return -Errno.EINVAL;
  }
  if (shared && request.growsDown === true) return -Errno.EINVAL;
  return {
    access,
    maxAccess,
    shared,
    growsDown: request.growsDown ?? false,
    noReserve: request.noReserve ?? false,
    image: request.image ?? false,
    locked: request.locked === true && mm.lockFuture === 'no' ? 'at-once' : mm.lockFuture,
    file: file ?? (shared ? AnonymousFile.create(mm.memory, length) : undefined),
  };
}

function place(mm: MemoryManager, request: MapRequest, length: number): number {
  const { address, placement } = request;
  const top = mm.layout.top;
  if (placement === 'fixed' || placement === 'fixed-noreplace') {
    if (address > top - length) return -Errno.ENOMEM;
    if (!isPageAligned(address)) return -Errno.EINVAL;
    if (placement === 'fixed-noreplace' && mm.vmas.occupied(address, address + length)) {
      return -Errno.EEXIST;
    }
    return address;
  }
  const hint = pageRoundUp(address === 0 ? 0 : Math.max(address, MMAP_MIN_ADDRESS));
  if (hint !== 0 && hint <= top - length && isFree(mm, hint, hint + length)) return hint;
  if (placement === 'low-2g') {
    return mm.vmas.gapAbove(length, LOW_AREA, TWO_GIB) ?? -Errno.ENOMEM;
  }
  // A large anonymous mapping is placed so that large pages can back it.
  if (request.file === undefined && length >= LARGE_PAGE) {
    const aligned = findFree(mm, length, LARGE_PAGE);
    if (aligned >= 0) return aligned;
  }
  return findFree(mm, length);
}

function isFree(mm: MemoryManager, start: number, end: number): boolean {
  return mm.vmas.gapAbove(end - start, start, end) === start;
}

/** RLIMIT_AS and RLIMIT_DATA, and the overcommit heuristic: more than there is in all is refused (proc(5)). */
function affordable(
  mm: MemoryManager,
  attributes: VmaAttributes,
  length: number,
  replaced: number,
): boolean {
  const writable = (attributes.access & Access.Write) !== 0;
  const isData = writable && !attributes.shared && !attributes.growsDown;
  if (!mm.mayExpand(length - replaced, isData)) return false;
  const commits = writable && !attributes.noReserve && attributes.file === undefined;
  return !commits || length <= mm.memory.limit;
}

function bytesMapped(mm: MemoryManager, start: number, end: number): number {
  let bytes = 0;
  for (const vma of mm.vmas.overlapping(start, end)) bytes += overlap(vma, start, end);
  return bytes;
}

function overlap(vma: Vma, start: number, end: number): number {
  return Math.min(vma.end, end) - Math.max(vma.start, start);
}

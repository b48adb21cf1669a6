/** mremap(2). */
import { isPageAligned, pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../abi/mman.js';
import { MMAP_MIN_ADDRESS } from './address-layout.js';
import type { Credentials } from '../task/credentials.js';
import { bringIn } from './lock-memory.js';
import type { MemoryManager } from './memory-manager.js';
import { discard, findFree, hasRoom, splitsBeyondLimit } from './mmap.js';
import type { Vma } from './vma.js';

const KNOWN = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

export function mremap(
  mm: MemoryManager,
  oldAddress: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddress: number,
  by?: Credentials,
): number {
  const oldSize = pageRoundUp(oldLength);
  const newSize = pageRoundUp(newLength);
  const fixed = (flags & MREMAP_FIXED) !== 0;
  const keepsOld = (flags & MREMAP_DONTUNMAP) !== 0;
  if ((flags & ~KNOWN) !== 0 || !isPageAligned(oldAddress)) return -Errno.EINVAL;
  if ((fixed || keepsOld) && (flags & MREMAP_MAYMOVE) === 0) return -Errno.EINVAL;
  if (keepsOld && oldSize !== newSize) return -Errno.EINVAL;
  if (newSize === 0 || newSize > mm.layout.top) return -Errno.EINVAL;
  if (oldAddress + oldSize > mm.layout.top) return -Errno.EFAULT;
  if (fixed || keepsOld) {
    const problem = checkTarget(mm, oldAddress, oldSize, newAddress, newSize);
    if (problem !== 0) return problem;
    if (fixed && newAddress < MMAP_MIN_ADDRESS) return -Errno.EPERM;
  } else if (newSize <= oldSize && oldSize !== 0) {
    if (!mm.vmas.occupied(oldAddress, oldAddress + 1)) return -Errno.EFAULT;
    if (splitsBeyondLimit(mm, oldAddress + newSize, oldAddress + oldSize)) return -Errno.ENOMEM;
    if (newSize < oldSize) discard(mm, oldAddress + newSize, oldAddress + oldSize);
    return oldAddress;
  }
  const vma = mm.vmas.find(oldAddress);
  if (vma === undefined) return -Errno.EFAULT;
  // Old size 0 duplicates a shared mapping; on a private one it makes no sense.
  if (oldSize === 0 && !vma.shared) return -Errno.EINVAL;
  const kept = Math.min(oldSize, newSize);
  if (oldAddress + kept > vma.end) return -Errno.EFAULT;
  const more = keepsOld ? newSize : Math.max(newSize - oldSize, 0);
  if (more > 0 && vma.locked !== 'no' && !mm.mayLock(more, by)) return -Errno.EAGAIN;
  if (!mm.mayExpand(more, vma.isData)) return -Errno.ENOMEM;
  if (vma.isData && !vma.noReserve && newSize > mm.memory.limit) return -Errno.ENOMEM;
  if (!fixed && !keepsOld && oldSize !== 0 && growsInPlace(mm, vma, oldAddress, oldSize, newSize)) {
    return oldAddress;
  }
  if ((flags & MREMAP_MAYMOVE) === 0 || !hasRoom(mm, 3)) return -Errno.ENOMEM;
  const target = fixed ? newAddress : freePlace(mm, newAddress * Number(keepsOld), newSize);
  if (target < 0) return target;
  if (fixed) discard(mm, target, target + newSize);
  return move(mm, oldAddress, oldSize, newSize, target, keepsOld);
}

/** With MREMAP_DONTUNMAP alone the new address is a hint. */
function freePlace(mm: MemoryManager, hint: number, size: number): number {
  const isFree = hint >= MMAP_MIN_ADDRESS && mm.vmas.gapAbove(size, hint, hint + size) === hint;
  return isFree ? hint : findFree(mm, size);
}

function checkTarget(
  mm: MemoryManager,
  oldAddress: number,
  oldSize: number,
  newAddress: number,
  newSize: number,
): number {
  if (!isPageAligned(newAddress) || newAddress + newSize > mm.layout.top) return -Errno.EINVAL;
  if (oldAddress + oldSize > newAddress && newAddress + newSize > oldAddress) return -Errno.EINVAL;
  return 0;
}

function growsInPlace(
  mm: MemoryManager,
  vma: Vma,
  address: number,
  oldSize: number,
  newSize: number,
): boolean {
  const end = address + newSize;
  if (address + oldSize !== vma.end || end > mm.layout.top) return false;
  if (mm.vmas.gapAbove(end - vma.end, vma.end, end) !== vma.end) return false;
  mm.vmas.resize(vma, vma.start, end);
  if (vma.locked === 'at-once') mm.pager.bringIn(vma, address + oldSize, end);
  mm.vmas.mergeWithin(vma.start, end);
  return true;
}

function move(
  mm: MemoryManager,
  from: number,
  oldSize: number,
  newSize: number,
  to: number,
  keepsOld: boolean,
): number {
  const old = mm.vmas.find(from);
  if (old === undefined) return -Errno.EFAULT;
  const offset = old.file === undefined ? 0 : old.fileOffsetOf(from);
  const { locked } = old;
  mm.insertVma(to, to + newSize, old, offset);
  if (oldSize !== 0) {
    mm.pages.move(from, Math.min(oldSize, newSize), to);
    if (keepsOld) unlock(mm, from, from + oldSize);
    else discard(mm, from, from + oldSize);
  }
  // By its place: the mapping may have become one with its neighbours.
  if (locked === 'at-once') bringIn(mm, to + oldSize, to + newSize);
  return to;
}

/** Behind pages that moved the old mapping stays, empty; locks go with the pages. */
function unlock(mm: MemoryManager, start: number, end: number): void {
  for (const vma of mm.vmas.isolate(start, end)) mm.vmas.setLocked(vma, 'no');
  mm.vmas.mergeWithin(start, end);
}

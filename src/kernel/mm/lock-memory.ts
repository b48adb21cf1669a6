/** mlock(2) and its kin: pages that stay in memory. Nothing is ever swapped out, so what they do is bring pages in. */
import { PAGE_SIZE, pageRoundDown, pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT } from '../abi/mman.js';
import type { Credentials } from '../task/credentials.js';
import { Rlimit } from '../task/resource-limits.js';
import type { MemoryManager } from './memory-manager.js';
import { isolatesBeyondLimit } from './mmap.js';
import { OUT_OF_MEMORY } from './pager.js';
import type { Locking } from './vma.js';

/** First address behind all that 64 bits hold: sizes wrap there. */
const WRAP = 2 ** 64;

export function mlock(
  mm: MemoryManager,
  by: Credentials,
  address: number,
  length: number,
  locking: Locking,
): number {
  if (!mm.mayLockAny(by)) return -Errno.EPERM;
  const start = pageRoundDown(address);
  const size = sizeOf(address, length);
  if (!mm.mayLock(size, by) && !mm.mayLock(size - lockedBytes(mm, start, start + size), by)) {
    return -Errno.ENOMEM;
  }
  const result = setLocking(mm, start, size, locking);
  return result !== 0 || locking !== 'at-once' ? result : bringIn(mm, start, start + size);
}

export function munlock(mm: MemoryManager, address: number, length: number): number {
  const start = pageRoundDown(address);
  return setLocking(mm, start, sizeOf(address, length), 'no');
}

export function mlockall(mm: MemoryManager, by: Credentials, flags: number): number {
  const known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if ((flags & ~known) !== 0 || (flags & ~MCL_ONFAULT) === 0) return -Errno.EINVAL;
  if (!mm.mayLockAny(by)) return -Errno.EPERM;
  const locking = (flags & MCL_ONFAULT) !== 0 ? 'on-fault' : 'at-once';
  const current = (flags & MCL_CURRENT) !== 0;
  const limit = mm.limits.soft(Rlimit.Memlock);
  if (current && mm.totalBytes > limit && by.euid !== 0) return -Errno.ENOMEM;
  mm.lockFuture = (flags & MCL_FUTURE) !== 0 ? locking : 'no';
  if (!current) return 0;
  lockAll(mm, locking);
  if (locking === 'at-once') {
    for (const vma of [...mm.vmas]) mm.pager.bringIn(vma, vma.start, vma.end);
  }
  return 0;
}

export function munlockall(mm: MemoryManager): number {
  mm.lockFuture = 'no';
  lockAll(mm, 'no');
  return 0;
}

function sizeOf(address: number, length: number): number {
  const size = length + (address % PAGE_SIZE);
  return size > WRAP - PAGE_SIZE ? 0 : pageRoundUp(size);
}

function lockAll(mm: MemoryManager, locking: Locking): void {
  for (const vma of mm.vmas) mm.vmas.setLocked(vma, locking);
  mm.vmas.mergeWithin(0, mm.layout.top);
}

function lockedBytes(mm: MemoryManager, start: number, end: number): number {
  let bytes = 0;
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.locked !== 'no') bytes += Math.min(vma.end, end) - Math.max(vma.start, start);
  }
  return bytes;
}

/** Mappings before a hole are changed all the same, as on Linux. */
function setLocking(mm: MemoryManager, start: number, size: number, locking: Locking): number {
  if (start + size >= WRAP) return -Errno.EINVAL;
  if (size === 0) return 0;
  const end = Math.min(start + size, mm.layout.top);
  if (mm.vmas.find(start) === undefined || isolatesBeyondLimit(mm, start, end)) {
    return -Errno.ENOMEM;
  }
  let at = start;
  for (const vma of mm.vmas.isolate(start, end)) {
    if (vma.start > at) break;
    mm.vmas.setLocked(vma, locking);
    at = vma.end;
  }
  mm.vmas.mergeWithin(start, end);
  return at >= start + size ? 0 : -Errno.ENOMEM;
}

/** What cannot be brought in, such as pages without access or behind the end of a file, is an error, but locked. */
export function bringIn(mm: MemoryManager, start: number, end: number): number {
  if (start >= end) return 0;
  for (const vma of mm.vmas.overlapping(start, end)) {
    const fault = mm.pager.bringIn(vma, Math.max(vma.start, start), Math.min(vma.end, end));
    if (fault !== 0) return fault === OUT_OF_MEMORY ? -Errno.EAGAIN : -Errno.ENOMEM;
  }
  return 0;
}

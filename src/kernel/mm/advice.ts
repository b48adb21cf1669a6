/** madvise(2), msync(2), mincore(2). */
import { Access } from '../../platform/access.js';
import { PAGE_SIZE, isPageAligned, pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { MS_ASYNC, MS_INVALIDATE, MS_SYNC, Madvise } from '../abi/mman.js';
import { isolatesBeyondLimit } from './mmap.js';
import type { MemoryManager } from './memory-manager.js';
import type { Vma } from './vma.js';

/** Advice that changes nothing a program can see. */
const HINTS: ReadonlySet<number> = new Set([
  Madvise.Normal,
  Madvise.Random,
  Madvise.Sequential,
  Madvise.WillNeed,
  Madvise.Mergeable,
  Madvise.Unmergeable,
  Madvise.HugePage,
  Madvise.NoHugePage,
  Madvise.DontDump,
  Madvise.DoDump,
  Madvise.Collapse,
]);

export function madvise(
  mm: MemoryManager,
  address: number,
  length: number,
  advice: number,
): number {
  const known = HINTS.has(advice) || advice in ACTIONS || advice in ON_FORK;
  if (advice === Madvise.HwPoison || advice === Madvise.SoftOffline) return -Errno.EPERM;
  if (!known || !isPageAligned(address)) return -Errno.EINVAL;
  if (length === 0) return 0;
  const end = address + pageRoundUp(length);
  if (end > mm.layout.top) return -Errno.ENOMEM;
  const action = ACTIONS[advice];
  if (advice in ON_FORK) return adviseFork(mm, address, end, advice);
  let at = address;
  let holes = false;
  for (const vma of mm.vmas.overlapping(address, end)) {
    if (vma.start > at) holes = true;
    const result = action?.(mm, vma, Math.max(vma.start, address), Math.min(vma.end, end)) ?? 0;
    if (result !== 0) return result;
    at = vma.end;
  }
  return holes || at < end ? -Errno.ENOMEM : 0;
}

const ON_FORK: Readonly<Record<number, (vma: Vma) => void>> = {
  [Madvise.DontFork]: (vma) => (vma.skippedByFork = true),
  [Madvise.DoFork]: (vma) => (vma.skippedByFork = false),
  [Madvise.WipeOnFork]: (vma) => (vma.wipedByFork = true),
  [Madvise.KeepOnFork]: (vma) => (vma.wipedByFork = false),
};

function adviseFork(mm: MemoryManager, start: number, end: number, advice: number): number {
  if (isolatesBeyondLimit(mm, start, end)) return -Errno.ENOMEM;
  let at = start;
  let holes = false;
  for (const vma of mm.vmas.isolate(start, end)) {
    if (advice === Madvise.WipeOnFork && vma.file !== undefined) return -Errno.EINVAL;
    if (vma.start > at) holes = true;
    ON_FORK[advice]?.(vma);
    at = vma.end;
  }
  mm.vmas.mergeWithin(start, end);
  return holes || at < end ? -Errno.ENOMEM : 0;
}

type Action = (mm: MemoryManager, vma: Vma, start: number, end: number) => number;

/** Advice that would have pages go which mlock(2) keeps. */
function unlessLocked(action: Action): Action {
  return (mm, vma, start, end) =>
    vma.locked === 'no' ? action(mm, vma, start, end) : -Errno.EINVAL;
}

function dropPages(mm: MemoryManager, _vma: Vma, start: number, end: number): number {
  mm.pages.drop(start, end);
  return 0;
}

/** A hole in the file: what was there is gone for all who map or read it. */
function removePages(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  if (vma.file === undefined) return -Errno.EINVAL;
  if (!vma.sharedWritable) return -Errno.EACCES;
  const from = vma.fileOffsetOf(start);
  const result = vma.file.mappable.removePages?.(from, from + (end - start)) ?? -Errno.EOPNOTSUPP;
  if (result === 0) mm.pages.drop(start, end);
  return result;
}

function freePages(mm: MemoryManager, vma: Vma, start: number, end: number): number {
  return vma.file === undefined ? dropPages(mm, vma, start, end) : -Errno.EINVAL;
}

function populate(access: number): Action {
  return (mm, vma, start, end) => {
    if (!vma.permits(access)) return -Errno.EINVAL;
    return mm.pager.populate(vma, start, end, access) === 0 ? 0 : -Errno.EFAULT;
  };
}

const ACTIONS: Readonly<Record<number, Action>> = {
  [Madvise.DontNeed]: unlessLocked(dropPages),
  [Madvise.DontNeedLocked]: dropPages,
  [Madvise.Free]: unlessLocked(freePages),
  [Madvise.Remove]: unlessLocked(removePages),
  [Madvise.Cold]: unlessLocked(() => 0),
  [Madvise.PageOut]: unlessLocked(() => 0),
  [Madvise.PopulateRead]: populate(Access.Read),
  [Madvise.PopulateWrite]: populate(Access.Write),
};

export function msync(mm: MemoryManager, address: number, length: number, flags: number): number {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return -Errno.EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return -Errno.EINVAL;
  if (!isPageAligned(address)) return -Errno.EINVAL;
  const end = address + pageRoundUp(length);
  if (end > mm.layout.top) return -Errno.ENOMEM;
  for (const vma of mm.vmas.overlapping(address, end)) {
    if ((flags & MS_INVALIDATE) !== 0 && vma.locked !== 'no') return -Errno.EBUSY;
    if ((flags & MS_SYNC) === 0 || !vma.shared) continue;
    const from = vma.fileOffsetOf(Math.max(vma.start, address));
    const result = vma.file?.mappable.sync?.(from, vma.fileOffsetOf(Math.min(vma.end, end))) ?? 0;
    if (result !== 0) return result;
  }
  return mm.vmas.covers(address, end) ? 0 : -Errno.ENOMEM;
}

/** Pages reported at a time, so that the answer's buffer stays small. */
const MINCORE_PAGES = 4096;
/** Bytes that mincore(2) looks at in one go; address and answer of a larger range are asked for in parts. */
export const MINCORE_RANGE = 64 * MINCORE_PAGES * PAGE_SIZE;

/** 0 where the range can be asked for at all. */
export function checkMincore(mm: MemoryManager, address: number, length: number): number {
  if (!isPageAligned(address)) return -Errno.EINVAL;
  return address + pageRoundUp(length) > mm.layout.top ? -Errno.ENOMEM : 0;
}

export function mincore(mm: MemoryManager, address: number, length: number, into: number): number {
  const end = address + pageRoundUp(length);
  const vector = Buffer.alloc(MINCORE_PAGES);
  for (let at = address, out = into; at < end;) {
    const next = Math.min(at + MINCORE_PAGES * PAGE_SIZE, end);
    if (!mm.vmas.covers(at, next)) return -Errno.ENOMEM;
    vector.fill(0);
    for (const run of mm.pages.overlapping(at, next)) {
      const from = (Math.max(run.start, at) - at) / PAGE_SIZE;
      vector.fill(1, from, (Math.min(run.end, next) - at) / PAGE_SIZE);
    }
    for (const vma of mm.vmas.overlapping(at, next)) {
      if (vma.file?.mappable.isResident !== undefined) addFilePages(vector, vma, at, next);
    }
    const count = (next - at) / PAGE_SIZE;
    if (mm.write(out, vector.subarray(0, count)) !== 0) return -Errno.EFAULT;
    out += count;
    at = next;
  }
  return 0;
}

/** Pages of a file that nobody has touched through this mapping may be in memory all the same. */
function addFilePages(vector: Buffer, vma: Vma, start: number, end: number): void {
  const last = Math.min(vma.end, end);
  for (let page = Math.max(vma.start, start); page < last; page += PAGE_SIZE) {
    if (vma.file?.mappable.isResident?.(vma.fileOffsetOf(page)) === true) {
      vector[(page - start) / PAGE_SIZE] = 1;
    }
  }
}

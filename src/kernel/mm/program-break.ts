/** The heap, brk(2). */
import { Access } from '../../platform/access.js';
import { pageRoundUp } from '../../platform/file-range.js';
import type { Credentials } from '../task/credentials.js';
import { Rlimit } from '../task/resource-limits.js';
import type { MemoryManager } from './memory-manager.js';
import { discard, hasRoom } from './mmap.js';
import type { VmaAttributes } from './vma.js';

export const ANONYMOUS_DATA: VmaAttributes = {
  access: Access.Read | Access.Write,
  maxAccess: Access.Read | Access.Write | Access.Execute,
  shared: false,
  growsDown: false,
  noReserve: false,
  image: false,
  file: undefined,
};

/** Moves the program break; gives the new one, or the old one where it cannot be moved. */
export function setBrk(mm: MemoryManager, address: number, by?: Credentials): number {
  if (address < mm.startBrk || address > mm.layout.top) return mm.brk;
  const oldEnd = pageRoundUp(mm.brk);
  const newEnd = pageRoundUp(address);
  if (newEnd < oldEnd) discard(mm, newEnd, oldEnd);
  else if (newEnd > oldEnd && !grow(mm, oldEnd, newEnd, by)) return mm.brk;
  mm.brk = address;
  return address;
}

function grow(mm: MemoryManager, start: number, end: number, by?: Credentials): boolean {
  const heap = end - mm.startBrk;
  const data = mm.program.endData - mm.program.startData;
  if (heap + data > mm.limits.soft(Rlimit.Data)) return false;
  if (!mm.mayExpand(end - start, true) || end - start > mm.memory.limit) return false;
  if (!hasRoom(mm, 0) || mm.vmas.gapAbove(end - start, start, end) !== start) return false;
  const locked = mm.lockFuture;
  if (locked !== 'no' && !mm.mayLock(end - start, by)) return false;
  const vma = mm.insertVma(start, end, { ...ANONYMOUS_DATA, locked }, 0);
  if (locked === 'at-once') mm.pager.bringIn(vma, start, end);
  return true;
}

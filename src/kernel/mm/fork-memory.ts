/** fork(2)'s half of memory: the same mappings over the same frames, copied when one side writes. */
import { OutOfMemoryError } from '../../platform/errors.js';
import type { GuestAddressSpace } from '../guest.js';
import type { ResourceLimits } from '../task/resource-limits.js';
import { MemoryManager } from './memory-manager.js';

/**
 * The memory of a child that starts as a copy of `parent`'s, in `addressSpace`, which it takes over.
 * @throws {OutOfMemoryError} the parent stays as it was, but for being write-protected
 */
export function forkMemory(
  parent: MemoryManager,
  addressSpace: GuestAddressSpace,
  limits: ResourceLimits,
): MemoryManager {
  const { memory, layout } = parent;
  const child = new MemoryManager({ addressSpace, memory, layout, limits });
  try {
    child.startBrk = parent.startBrk;
    child.brk = parent.brk;
    Object.assign(child.program, parent.program);
    copyMappings(parent, child);
    parent.pages.forkInto(child.pages);
    dropUnwanted(parent, child);
    if (!child.account()) throw new OutOfMemoryError('no memory is left for mappings');
    return child;
  } catch (error) {
    child.release();
    throw error;
  }
}

function copyMappings(parent: MemoryManager, child: MemoryManager): void {
  for (const vma of parent.vmas) {
    if (vma.onFork === 'skip') continue;
    const copy = child.insertVma(vma.start, vma.end, vma, vma.offset);
    copy.faultAround = vma.faultAround;
  }
}

/** madvise(2) with MADV_DONTFORK and MADV_WIPEONFORK. */
function dropUnwanted(parent: MemoryManager, child: MemoryManager): void {
  for (const vma of parent.vmas) {
    if (vma.onFork !== 'copy') child.pages.drop(vma.start, vma.end);
  }
}

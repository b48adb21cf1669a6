/** fork(2)'s half of memory: the same mappings over the same frames, copied when one side writes. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { OutOfMemoryError } from '../../platform/errors.js';
import type { GuestAddressSpace } from '../guest.js';
import type { ResourceLimits } from '../task/resource-limits.js';
import { MemoryManager } from './memory-manager.js';

/** Runs of pages that are copied before anybody else may have a turn. */
const RUNS_AT_ONCE = 2048;
/** Milliseconds that copying may keep the event loop waiting. */
const TURN_INTERVAL = 4;

/**
 * The memory of a child that starts as a copy of `parent`'s, in `addressSpace`, which it takes over. Other threads
 * of the parent may run meanwhile, and write what is not copied yet; its mappings stay as they are.
 * @throws {OutOfMemoryError} the parent stays as it was, but for being write-protected
 */
export async function forkMemory(
  parent: MemoryManager,
  addressSpace: GuestAddressSpace,
  limits: ResourceLimits,
): Promise<MemoryManager> {
  const { memory, layout } = parent;
  while (parent.copying !== undefined) await parent.copying;
  const { identity } = parent;
  const child = new MemoryManager({ addressSpace, memory, layout, limits, identity });
  try {
    child.startBrk = parent.startBrk;
    child.brk = parent.brk;
    child.user = parent.user;
    child.execute(parent.executed);
    Object.assign(child.program, parent.program);
    copyMappings(parent, child);
    if (parent.pages.runCount <= RUNS_AT_ONCE) {
      parent.pages.forkInto(child.pages, 0, RUNS_AT_ONCE, !parent.isShared);
    } else await copyPages(parent, child);
    // Behind the pages: other threads may have had more rewritten meanwhile.
    if (child.callSites !== undefined) parent.callSites?.forkInto(child.callSites);
    dropUnwanted(parent, child);
    if (!child.account()) throw new OutOfMemoryError('no memory is left for mappings');
    return child;
  } catch (error) {
    child.release();
    throw error;
  }
}

async function copyPages(parent: MemoryManager, child: MemoryManager): Promise<void> {
  let finished = (): void => undefined;
  parent.copying = new Promise<void>((resolve) => {
    finished = resolve;
  });
  try {
    let lastTurn = performance.now();
    for (let at = 0; at < Infinity;) {
      at = parent.pages.forkInto(child.pages, at, RUNS_AT_ONCE, false);
      if (!child.account()) throw new OutOfMemoryError('no memory is left for mappings');
      if (performance.now() - lastTurn < TURN_INTERVAL) continue;
      await eventLoopTurn();
      lastTurn = performance.now();
    }
  } finally {
    parent.copying = undefined;
    finished();
  }
}

function copyMappings(parent: MemoryManager, child: MemoryManager): void {
  for (const vma of parent.vmas) {
    if (vma.skippedByFork) continue;
    const copy = child.insertVma(vma.start, vma.end, vma, vma.offset);
    // Locks are the parent's alone.
    if (copy.locked !== 'no') child.vmas.setLocked(copy, 'no');
    copy.faultAround = vma.faultAround;
  }
}

/** madvise(2) with MADV_DONTFORK and MADV_WIPEONFORK. */
function dropUnwanted(parent: MemoryManager, child: MemoryManager): void {
  for (const vma of parent.vmas) {
    if (vma.skippedByFork || vma.wipedByFork) child.pages.drop(vma.start, vma.end);
  }
}

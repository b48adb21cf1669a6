/** The words that futex(2) works on: whose they are, and changing them while guests run. */
import { SegmentationFault } from '../../platform/errors.js';
import { Errno } from '../abi/errno.js';
import type { Mappable } from '../mm/mappable.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { FutexTable, type FutexQueue } from './futex.js';

/** Queues for words in shared mappings, by the file that is mapped. */
const sharedTables = new WeakMap<Mappable, FutexTable>();

/**
 * The queue of the word at `address`. Words in shared mappings are the same word wherever the file is mapped, but
 * for calls with FUTEX_PRIVATE_FLAG.
 */
export function futexQueue(mm: MemoryManager, address: number, isPrivate: boolean): FutexQueue {
  const vma = isPrivate ? undefined : mm.vmas.find(address);
  if (vma?.shared !== true || vma.file === undefined) return mm.futexes.queue(address);
  const { mappable } = vma.file;
  let table = sharedTables.get(mappable);
  if (table === undefined) {
    table = new FutexTable();
    sharedTables.set(mappable, table);
  }
  return table.queue(vma.fileOffsetOf(address));
}

export function readFutexWord(mm: MemoryManager, address: number): number | undefined {
  const word = new Uint32Array(1);
  return mm.read(address, new Uint8Array(word.buffer)) ? word[0] : undefined;
}

/**
 * Replaces the word by what `change` makes of it, atomically against guests that run meanwhile; gives the value
 * before, or -EFAULT. `change` gives undefined to leave it as it is.
 */
export function updateFutexWord(
  mm: MemoryManager,
  address: number,
  change: (value: number) => number | undefined,
): number {
  let value = readFutexWord(mm, address);
  for (;;) {
    if (value === undefined) return -Errno.EFAULT;
    const wanted = change(value);
    if (wanted === undefined) return value;
    const before = exchange(mm, address, value, wanted >>> 0);
    if (before === value) return value;
    value = before;
  }
}

/** `undefined` where the word cannot be written. */
function exchange(
  mm: MemoryManager,
  address: number,
  expected: number,
  value: number,
): number | undefined {
  for (let attempt = 0; ; attempt++) {
    try {
      return mm.addressSpace.compareAndSwapUint32(address, expected, value);
    } catch (error) {
      if (!(error instanceof SegmentationFault)) throw error;
      if (attempt > 0 || !mm.makeWritable(address)) return undefined;
    }
  }
}

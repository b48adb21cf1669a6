/** Pages that only repeat host files can be given back when guest memory runs short. */
import type { GuestMemory } from '../guest.js';

/** A file with such pages, which nobody has open. */
export interface Reclaimable {
  /** Gives them back, unless somebody uses them now. */
  reclaim(): void;
}

const reclaimable = new WeakMap<GuestMemory, Set<Reclaimable>>();

export function offerPages(memory: GuestMemory, file: Reclaimable): void {
  const files = reclaimable.get(memory) ?? new Set();
  reclaimable.set(memory, files);
  files.add(file);
}

/** Gives back what was offered; false where nothing was. */
export function reclaimPages(memory: GuestMemory): boolean {
  const files = reclaimable.get(memory);
  if (files === undefined || files.size === 0) {
    return false;
  }
  for (const file of files) {
    file.reclaim();
  }
  files.clear();
  return true;
}

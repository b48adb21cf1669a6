/** What the host holds for a memory file, by what it was allocated for. */
import { MemoryKind, type MemoryUsage } from '../platform/contract.js';
import type { FileMapping } from './file-mapping.js';
import type { Frames } from './frames.js';

export const NO_USAGE: MemoryUsage = { system: 0, anonymous: 0, pageCache: 0, tmpfs: 0, free: 0 };

const nameOfKind = {
  [MemoryKind.System]: 'system',
  [MemoryKind.Anonymous]: 'anonymous',
  [MemoryKind.PageCache]: 'pageCache',
  [MemoryKind.Tmpfs]: 'tmpfs',
} as const satisfies Record<MemoryKind, keyof MemoryUsage>;

export function isMemoryKind(value: number): value is MemoryKind {
  return value in nameOfKind;
}

/** Asks the host; its answer is of pages as they are while it is given. */
export function measureUsage(mapping: FileMapping, frames: Frames): MemoryUsage {
  const usage = { ...NO_USAGE } as { -readonly [name in keyof MemoryUsage]: number };
  for (const extent of mapping.committed({ start: 0, end: mapping.size })) {
    for (const run of frames.runs(extent)) {
      usage[run.references === 0 ? 'free' : nameOfKind[run.kind]] += run.end - run.start;
    }
  }
  return usage;
}

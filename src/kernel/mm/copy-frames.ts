/** Copies of guest memory in guest memory. */
import { Access } from '../../platform/access.js';
import { MemoryKind } from '../../platform/contract.js';
import type { FileRange } from '../../platform/file-range.js';
import type { GuestMemory } from '../guest.js';

/** New frames with the contents of `source`. @throws {OutOfMemoryError} */
export function copyFrames(memory: GuestMemory, source: FileRange): FileRange {
  const frames = memory.allocate(source.end - source.start, MemoryKind.Anonymous);
  const to = memory.mapInternal(frames, Access.Write);
  let target = to[0];
  let index = 0;
  let used = 0;
  for (const block of memory.mapInternal(source, Access.Read)) {
    for (let done = 0; done < block.length && target !== undefined;) {
      const count = Math.min(block.length - done, target.length - used);
      target.set(block.subarray(done, done + count), used);
      done += count;
      used += count;
      if (used === target.length) {
        target = to[++index];
        used = 0;
      }
    }
  }
  return frames;
}

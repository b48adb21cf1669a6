/** Memory with contents, in one step. */
import { Access } from '../platform/access.js';
import type { Memory, MemoryKind } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';
import { pageRoundDown, type FileRange } from '../platform/file-range.js';

/** Puts bytes at the start of `dst`, which is not empty, and gives their count, as read(2) does: 0 at the end. */
export type Reader = (dst: Uint8Array) => number;

export interface FilledMemory {
  /** The whole pages that were filled, the caller's; empty where there are none. */
  readonly range: FileRange;
  /** What the reader threw, if it did. */
  readonly error?: unknown;
}

/**
 * Allocates `length` bytes of a kind, and has `reader` fill them, as often as it takes. Where it ends or throws
 * before, only the whole pages filled until then stay allocated.
 * @throws {OutOfMemoryError} where the limit would be passed
 */
export function allocateAndFill(
  memory: Pick<Memory, 'allocate' | 'mapInternal' | 'decRef'>,
  length: number,
  kind: MemoryKind,
  reader: Reader,
): FilledMemory {
  const { start, end } = memory.allocate(length, kind);
  const { done, failure } = fill(() => memory.mapInternal({ start, end }, Access.Write), reader);
  const filled = start + pageRoundDown(done);
  if (filled < end) memory.decRef({ start: filled, end });
  return { range: { start, end: filled }, ...failure };
}

function fill(
  blocks: () => readonly Uint8Array[],
  reader: Reader,
): { done: number; failure?: { error: unknown } } {
  let done = 0;
  try {
    for (const block of blocks()) {
      for (let at = 0; at < block.length;) {
        const count = readInto(block.subarray(at), reader);
        if (count === 0) return { done };
        at += count;
        done += count;
      }
    }
    return { done };
  } catch (error) {
    return { done, failure: { error } };
  }
}

function readInto(dst: Uint8Array, reader: Reader): number {
  const count = reader(dst);
  if (!Number.isInteger(count) || count < 0 || count > dst.length) {
    throw new PlatformError(`a reader gives a count of 0 to ${dst.length} bytes, not ${count}`);
  }
  return count;
}

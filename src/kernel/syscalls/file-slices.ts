/**
 * Long transfers in slices, with a turn of the event loop between them: a guest may ask for 2 GiB in one call, and
 * timers, signals and the rest of the host's process must not wait so long.
 */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { OpenFile } from '../fs/open-file.js';
import type { Task } from '../task/task.js';
import type { SyscallResult } from './row.js';

/** Most bytes moved in one go. */
export const SLICE = 2 * 1024 * 1024;

/** A part of a vector, as struct iovec. */
export interface Segment {
  readonly address: number;
  readonly length: number;
}

export function lengthOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}

/** The same bytes in vectors of at most a slice each. */
function* slicesOf(segments: readonly Segment[]): Generator<readonly Segment[], undefined> {
  let slice: Segment[] = [];
  let room = SLICE;
  for (const { address, length } of segments) {
    for (let done = 0; done < length;) {
      const part = { address: address + done, length: Math.min(length - done, room) };
      slice.push(part);
      done += part.length;
      room -= part.length;
      if (room === 0) {
        yield slice;
        slice = [];
        room = SLICE;
      }
    }
  }
  if (slice.length > 0) {
    yield slice;
  }
  return undefined;
}

/** Moves a slice, told how many bytes came before it. */
type Move = (slice: readonly Segment[], done: number) => SyscallResult;

/**
 * Moves slice by slice while `move` does whole ones: bytes, or -errno where not one was moved. A signal ends it
 * between two slices.
 */
export function moveSlices(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  move: Move,
): SyscallResult {
  const slices = slicesOf(segments);
  const first = slices.next().value ?? [];
  const count = move(first, 0);
  const ends = typeof count === 'number' && count < lengthOf(first);
  return ends ? count : moveRest(task, file, slices, first, count, move);
}

async function moveRest(
  task: Task,
  file: OpenFile,
  slices: Iterable<readonly Segment[]>,
  first: readonly Segment[],
  moved: SyscallResult,
  move: Move,
): Promise<number> {
  file.incRef();
  try {
    let count = await moved;
    let done = count;
    let wanted = lengthOf(first);
    for (const slice of slices) {
      if (count < wanted || task.hasWork) {
        break;
      }
      await eventLoopTurn();
      count = await move(slice, done);
      wanted = lengthOf(slice);
      done += Math.max(count, 0);
    }
    return done;
  } finally {
    file.decRef();
  }
}

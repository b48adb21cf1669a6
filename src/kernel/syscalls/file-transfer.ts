/** Moving bytes between files and guest memory, in chunks through one buffer, at the file's or a given position. */
import { Errno } from '../abi/errno.js';
import { MAX_RW_COUNT } from '../abi/fcntl.js';
import { Inotify } from '../abi/inotify.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Signo } from '../abi/signal.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import type { OpenFile } from '../fs/open-file.js';
import { Scratch } from '../scratch.js';
import type { Task } from '../task/task.js';
import { writableLength } from './file-size-limit.js';
import { lengthOf, moveSlices, type Segment, SLICE } from './file-slices.js';
import { waitForFile } from './file-wait.js';
import type { SyscallResult } from './row.js';

const chunk = new Scratch(256 * 1024);

/** In place of an offset: the file's own position. */
export const AT_POSITION = -1;

/** Reads as much as there is without waiting: bytes, or -errno where not one came. */
export function readInto(
  task: Task,
  file: OpenFile,
  address: number,
  length: number,
  offset: number,
): number {
  let done = 0;
  do {
    const buffer = chunk.first(length - done);
    const count =
      offset === AT_POSITION ? file.read(buffer, task) : file.pread(buffer, offset + done);
    if (count <= 0) {
      return done > 0 ? done : count;
    }
    notifyPlace(file.location?.dentry, Inotify.ACCESS);
    const copied = task.mm.copyOut(address + done, chunk.first(count));
    done += copied;
    if (copied < count) {
      if (offset === AT_POSITION) {
        file.unread(chunk.bytes.slice(copied, count));
      }
      return done > 0 ? done : -Errno.EFAULT;
    }
    if (count < buffer.length) {
      return done;
    }
  } while (done < length);
  return done;
}

/** Writes as much as fits without waiting: bytes, or -errno where not one did. */
export function writeFrom(
  task: Task,
  file: OpenFile,
  address: number,
  length: number,
  offset: number,
): number {
  const allowed = writableLength(task, file, length, offset);
  if (allowed < 0) {
    return allowed;
  }
  let done = 0;
  do {
    const wanted = Math.min(allowed - done, chunk.size);
    const copied = task.mm.copyIn(address + done, chunk.first(wanted));
    if (copied === 0 && wanted > 0) {
      return done > 0 ? done : -Errno.EFAULT;
    }
    const data = chunk.first(copied);
    const count =
      offset === AT_POSITION ? file.write(data, task) : file.pwrite(data, offset + done);
    if (count < 0) {
      return done > 0 ? done : count;
    }
    notifyPlace(file.location?.dentry, Inotify.MODIFY);
    done += count;
    if (count < wanted) {
      return done;
    }
  } while (done < allowed);
  return done;
}

/** readv(2): what there is now. */
function readSegments(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
): number {
  let done = 0;
  for (const { address, length } of segments) {
    if (length === 0) {
      continue;
    }
    const at = offset === AT_POSITION ? AT_POSITION : offset + done;
    const count = readInto(task, file, address, length, at);
    if (count < 0) {
      return done > 0 ? done : count;
    }
    done += count;
    if (count < length) {
      break;
    }
  }
  return done;
}

/** Writes from byte `skip` of the segments on, until the file takes no more: all bytes written, and why it ended. */
function writeSegments(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
  skip: number,
): { readonly done: number; readonly error: number } {
  let done = skip;
  let start = 0;
  for (const { address, length } of segments) {
    while (done < start + length) {
      const at = offset === AT_POSITION ? AT_POSITION : offset + done;
      const within = done - start;
      const count = writeFrom(task, file, address + within, length - within, at);
      if (count < 0) {
        return { done, error: count };
      }
      done += count;
      const short = done < start + length;
      if (count === 0 || (short && file.writesOnce)) {
        return { done, error: 0 };
      }
    }
    start += length;
  }
  return { done, error: 0 };
}

/** Reads, waiting for the first bytes if the file is a blocking one. */
export function transferIn(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
  noWait = file.nonBlocking,
): SyscallResult {
  if (lengthOf(segments) > SLICE) {
    return readSlices(task, file, segments, offset, noWait);
  }
  const count = readSegments(task, file, segments, offset);
  if (count !== -Errno.EAGAIN || noWait) {
    return count;
  }
  return readLater(task, file, segments, offset);
}

/** Only the first bytes are waited for. */
function readSlices(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
  noWait: boolean,
): SyscallResult {
  return moveSlices(task, file, segments, (slice, done) =>
    done === 0
      ? transferIn(task, file, slice, offset, noWait)
      : readSegments(task, file, slice, offset === AT_POSITION ? AT_POSITION : offset + done),
  );
}

async function readLater(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
): Promise<number> {
  file.incRef();
  try {
    for (;;) {
      const error = await waitForFile(task, file, POLL_READABLE | Poll.HUP);
      if (error < 0) {
        return error;
      }
      const count = readSegments(task, file, segments, offset);
      if (count !== -Errno.EAGAIN) {
        return count;
      }
    }
  } finally {
    file.decRef();
  }
}

/** Writes all, waiting for room if the file is a blocking one. */
export function transferOut(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
  noWait = file.nonBlocking,
): SyscallResult {
  if (lengthOf(segments) > SLICE) {
    return writeSlices(task, file, segments, offset, noWait);
  }
  const { done, error } = writeSegments(task, file, segments, offset, 0);
  if (error === -Errno.EAGAIN && !noWait) {
    return writeLater(task, file, segments, offset, done);
  }
  return finishWrite(task, done, error);
}

function writeSlices(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
  noWait: boolean,
): SyscallResult {
  return moveSlices(task, file, segments, (slice, done) =>
    transferOut(task, file, slice, offset === AT_POSITION ? AT_POSITION : offset + done, noWait),
  );
}

function finishWrite(task: Task, done: number, error: number): number {
  if (error === -Errno.EPIPE) {
    task.sendSignal(Signo.SIGPIPE);
  }
  return done > 0 ? done : error;
}

async function writeLater(
  task: Task,
  file: OpenFile,
  segments: readonly Segment[],
  offset: number,
  already: number,
): Promise<number> {
  file.incRef();
  try {
    let progress = { done: already, error: -Errno.EAGAIN };
    while (progress.error === -Errno.EAGAIN) {
      const error = await waitForFile(task, file, POLL_WRITABLE | Poll.ERR);
      if (error < 0) {
        return progress.done > 0 ? progress.done : error;
      }
      progress = writeSegments(task, file, segments, offset, progress.done);
    }
    return finishWrite(task, progress.done, progress.error);
  } finally {
    file.decRef();
  }
}

const IOV_SIZE = 16;
const IOV_MAX = 1024;
/** Lengths are signed: those beyond are negative. */
const MAX_LENGTH = 2 ** 63;

/** An array of struct iovec: -EINVAL for a length or a sum beyond SSIZE_MAX, and what is above MAX_RW_COUNT cut off. */
export function readVector(
  task: Task,
  address: number,
  count: number,
): readonly Segment[] | number {
  if (count < 0 || count > IOV_MAX) {
    return -Errno.EINVAL;
  }
  const bytes = Buffer.alloc(count * IOV_SIZE);
  if (task.mm.copyIn(address, bytes) < bytes.length) {
    return -Errno.EFAULT;
  }
  const segments: Segment[] = [];
  let room = MAX_RW_COUNT;
  for (let at = 0; at < bytes.length; at += IOV_SIZE) {
    const base = readUnsigned(bytes, at);
    const length = readUnsigned(bytes, at + 8);
    if (length >= MAX_LENGTH) {
      return -Errno.EINVAL;
    }
    const used = Math.min(length, room);
    segments.push({ address: base, length: used });
    room -= used;
  }
  return segments;
}

/** A 64-bit number, exact below 2^53. */
export function readUnsigned(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 4294967296 + bytes.readUInt32LE(at);
}

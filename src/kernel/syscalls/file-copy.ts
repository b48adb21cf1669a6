/** Copying between descriptors inside the kernel: sendfile(2), copy_file_range(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Inotify } from '../abi/inotify.js';
import { Poll, POLL_WRITABLE } from '../abi/poll.js';
import { Signo } from '../abi/signal.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import type { OpenFile } from '../fs/open-file.js';
import type { Task } from '../task/task.js';
import { readLong } from '../time/timespec.js';
import { usableFile } from './file-descriptor-argument.js';
import { SLICE } from './file-slices.js';
import { AT_POSITION } from './file-transfer.js';
import { waitForFile } from './file-wait.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** What one call copies at most: callers go on after a short count, and the host's process is not held up. */
const MAX_COPY = 8 * SLICE;

const chunk = new Uint8Array(128 * 1024);

/** Where a copy has got to. */
interface Copy {
  readonly source: OpenFile;
  readonly target: OpenFile;
  readonly length: number;
  /** Offset of the next byte to read. */
  from: number;
  /** Offset to write at, or AT_POSITION. */
  to: number;
  done: number;
}

/** Copies until it would have to wait: 0 at the end, else -errno. */
function copyNow(copy: Copy): number {
  while (copy.done < copy.length) {
    const wanted = Math.min(chunk.length, copy.length - copy.done);
    const count = copy.source.pread(chunk.subarray(0, wanted), copy.from);
    if (count <= 0) {
      return count;
    }
    const data = chunk.subarray(0, count);
    const written =
      copy.to === AT_POSITION ? copy.target.write(data) : copy.target.pwrite(data, copy.to);
    if (written < 0) {
      return written;
    }
    notifyPlace(copy.source.location?.dentry, Inotify.ACCESS);
    notifyPlace(copy.target.location?.dentry, Inotify.MODIFY);
    copy.from += written;
    copy.to += copy.to === AT_POSITION ? 0 : written;
    copy.done += written;
    if (written === 0) {
      return 0;
    }
  }
  return 0;
}

/** Reads the offset an argument points to; AT_POSITION where it is null. */
export function readOffset(task: Task, address: number): number {
  if (address === 0) {
    return AT_POSITION;
  }
  const bytes = Buffer.alloc(8);
  if (task.mm.copyIn(address, bytes) < bytes.length) {
    return -Errno.EFAULT;
  }
  const offset = readLong(bytes, 0);
  return offset < 0 ? -Errno.EINVAL : offset;
}

/** Leaves the new offset where the old one came from. */
export function storeOffset(task: Task, address: number, file: OpenFile, offset: number): number {
  if (address === 0) {
    file.position = offset;
    return 0;
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(offset));
  return task.mm.copyOut(address, bytes) < bytes.length ? -Errno.EFAULT : 0;
}

function sysSendfile(task: Task, args: Registers): SyscallResult {
  const target = usableFile(task, args.argumentInt(0));
  const source = usableFile(task, args.argumentInt(1));
  if (!target?.writable || !source?.readable) {
    return -Errno.EBADF;
  }
  if (!source.seekable || source.inode === undefined || target.flags & O.APPEND) {
    // Others are read by ordinary calls: programs fall back on EINVAL.
    return -Errno.EINVAL;
  }
  const address = args.argument(2);
  const offset = readOffset(task, address);
  if (offset < AT_POSITION) {
    return offset;
  }
  const copy: Copy = {
    source,
    target,
    length: Math.min(args.argument(3), MAX_COPY),
    from: offset === AT_POSITION ? source.position : offset,
    to: AT_POSITION,
    done: 0,
  };
  const error = copyNow(copy);
  if (error === -Errno.EAGAIN && !target.nonBlocking) {
    return copyLater(task, copy, address);
  }
  return finishCopy(task, copy, address, error);
}

async function copyLater(task: Task, copy: Copy, address: number): Promise<number> {
  copy.source.incRef();
  copy.target.incRef();
  let error = -Errno.EAGAIN;
  while (error === -Errno.EAGAIN) {
    error = await waitForFile(task, copy.target, POLL_WRITABLE | Poll.ERR);
    error = error < 0 ? error : copyNow(copy);
  }
  const result = finishCopy(task, copy, address, error);
  copy.source.decRef();
  copy.target.decRef();
  return result;
}

function finishCopy(task: Task, copy: Copy, address: number, error: number): number {
  if (error === -Errno.EPIPE) {
    task.sendSignal(Signo.SIGPIPE);
  }
  if (copy.done === 0) {
    return error;
  }
  const stored = storeOffset(task, address, copy.source, copy.from);
  return stored < 0 ? stored : copy.done;
}

function sysCopyFileRange(task: Task, args: Registers): number {
  const source = usableFile(task, args.argumentInt(0));
  const target = usableFile(task, args.argumentInt(2));
  if (!source?.readable || !target?.writable || target.flags & O.APPEND) {
    return -Errno.EBADF;
  }
  if (args.argumentUint(5) !== 0 || !source.inode?.isRegular || !target.inode?.isRegular) {
    return source.inode?.isDirectory || target.inode?.isDirectory ? -Errno.EISDIR : -Errno.EINVAL;
  }
  const addresses = [args.argument(1), args.argument(3)] as const;
  const from = readOffset(task, addresses[0]);
  const to = readOffset(task, addresses[1]);
  if (from < AT_POSITION || to < AT_POSITION) {
    return from < AT_POSITION ? from : to;
  }
  const copy: Copy = {
    source,
    target,
    length: Math.min(args.argument(4), MAX_COPY),
    from: from === AT_POSITION ? source.position : from,
    to: to === AT_POSITION ? target.position : to,
    done: 0,
  };
  const overlap = copy.from < copy.to + copy.length && copy.to < copy.from + copy.length;
  if (source.inode === target.inode && overlap) {
    return -Errno.EINVAL;
  }
  const error = copyNow(copy);
  if (copy.done === 0) {
    return error;
  }
  const stored = [
    storeOffset(task, addresses[0], source, copy.from),
    storeOffset(task, addresses[1], target, copy.to),
  ];
  return Math.min(...stored) < 0 ? -Errno.EFAULT : copy.done;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 40,
    name: 'sendfile',
    handler: sysSendfile,
    args: ['fd', 'fd', 'pointer', 'size'],
    support: 'full',
  },
  {
    number: 326,
    name: 'copy_file_range',
    handler: sysCopyFileRange,
    args: ['fd', 'pointer', 'fd', 'pointer', 'size', 'hex'],
    support: 'full',
  },
];

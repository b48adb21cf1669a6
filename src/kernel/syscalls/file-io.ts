/** Reading and writing: read(2), write(2), pread(2), readv(2) and their kin. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { MAX_RW_COUNT, Whence } from '../abi/fcntl.js';
import { Msg } from '../abi/socket.js';
import type { OpenFile } from '../fs/open-file.js';
import { RegularInode } from '../fs/regular-inode.js';
import { PLAIN } from '../net/message.js';
import { Socket } from '../net/socket.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { SLICE } from './file-slices.js';
import { AT_POSITION, readInto, readVector, transferIn, transferOut } from './file-transfer.js';
import type { SyscallResult, SyscallRow } from './row.js';
import { readSocket, sendSegments } from './socket-transfer.js';

/** Flags of preadv2(2). RWF_HIPRI is a hint. */
const RWF_HIPRI = 1;
const RWF_DSYNC = 2;
const RWF_SYNC = 4;
const RWF_NOWAIT = 8;
const RWF_APPEND = 0x10;
const RWF_KNOWN = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;

function readableFile(task: Task, fd: number): OpenFile | undefined {
  const file = usableFile(task, fd);
  return file?.readable ? file : undefined;
}

function writableFile(task: Task, fd: number): OpenFile | undefined {
  const file = usableFile(task, fd);
  return file?.writable ? file : undefined;
}

/** Linux refuses a buffer that reaches out of the user half before it looks at anything else of it. */
function leavesUserHalf(task: Task, address: number, length: number): boolean {
  return address + length > task.mm.layout.top;
}

function sysRead(task: Task, args: Registers): SyscallResult {
  const file = readableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  const address = args.argument(1);
  if (leavesUserHalf(task, address, args.argument(2))) {
    return -Errno.EFAULT;
  }
  const length = Math.min(args.argument(2), MAX_RW_COUNT);
  if (length === 0) {
    return emptyRead(file);
  }
  if (file instanceof Socket) {
    return readSocket(task, file, [{ address, length }]);
  }
  if (length > SLICE) {
    return transferIn(task, file, [{ address, length }], AT_POSITION);
  }
  const count = readInto(task, file, address, length, AT_POSITION);
  if (count !== -Errno.EAGAIN || file.nonBlocking) {
    return count;
  }
  return transferIn(task, file, [{ address, length }], AT_POSITION);
}

/** Nothing is wanted: only errors that do not depend on the contents show. */
function emptyRead(file: OpenFile): number {
  return file.inode?.isDirectory ? -Errno.EISDIR : 0;
}

function sysWrite(task: Task, args: Registers): SyscallResult {
  const file = writableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  return writeBuffer(task, file, args, AT_POSITION);
}

/** Writes the buffer that arguments 1 and 2 name. */
function writeBuffer(task: Task, file: OpenFile, args: Registers, offset: number): SyscallResult {
  const address = args.argument(1);
  if (leavesUserHalf(task, address, args.argument(2))) {
    return -Errno.EFAULT;
  }
  const length = Math.min(args.argument(2), MAX_RW_COUNT);
  if (file instanceof Socket) {
    return sendSegments(task, file, [{ address, length }], PLAIN);
  }
  return length === 0 ? 0 : transferOut(task, file, [{ address, length }], offset);
}

function sysPread(task: Task, args: Registers): SyscallResult {
  const offset = args.argumentLong(3);
  if (offset < 0) {
    return -Errno.EINVAL;
  }
  const file = readableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  if (!file.seekable) {
    return -Errno.ESPIPE;
  }
  const address = args.argument(1);
  if (leavesUserHalf(task, address, args.argument(2))) {
    return -Errno.EFAULT;
  }
  const length = Math.min(args.argument(2), MAX_RW_COUNT);
  if (length > SLICE) {
    return transferIn(task, file, [{ address, length }], offset);
  }
  return length === 0 ? emptyRead(file) : readInto(task, file, address, length, offset);
}

function sysPwrite(task: Task, args: Registers): SyscallResult {
  const offset = args.argumentLong(3);
  if (offset < 0) {
    return -Errno.EINVAL;
  }
  const file = writableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  if (!file.seekable) {
    return -Errno.ESPIPE;
  }
  return writeBuffer(task, file, args, offset);
}

function vectorCall(
  task: Task,
  args: Registers,
  isWrite: boolean,
  offset: number,
  flags = 0,
): SyscallResult {
  const fd = args.argumentInt(0);
  const file = isWrite ? writableFile(task, fd) : readableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  if (offset !== AT_POSITION && !file.seekable) {
    return -Errno.ESPIPE;
  }
  const segments = readVector(task, args.argument(1), args.argumentUint(2));
  if (typeof segments === 'number') {
    return segments;
  }
  if (file instanceof Socket) {
    const request = flags & RWF_NOWAIT ? Msg.DONTWAIT : 0;
    return isWrite
      ? sendSegments(task, file, segments, { ...PLAIN, flags: request })
      : readSocket(task, file, segments, request);
  }
  const noWait = file.nonBlocking || (flags & RWF_NOWAIT) !== 0;
  if (!isWrite) {
    return transferIn(task, file, segments, offset, noWait);
  }
  const at = flags & RWF_APPEND ? endOf(file, offset) : offset;
  const written = transferOut(task, file, segments, at, noWait);
  return flags & (RWF_DSYNC | RWF_SYNC) ? synced(file, written, flags) : written;
}

/** What was written is on its way to the disk before the call returns. */
function synced(file: OpenFile, written: SyscallResult, flags: number): SyscallResult {
  if (typeof written !== 'number') {
    return written.then((count) => synced(file, count, flags));
  }
  const error = written > 0 && file.seekable ? file.sync((flags & RWF_SYNC) === 0) : 0;
  return error < 0 ? error : written;
}

/** RWF_APPEND: where to write in place of `offset`. The position moves only where it would without. */
function endOf(file: OpenFile, offset: number): number {
  if (!file.seekable) {
    return offset;
  }
  if (offset === AT_POSITION) {
    file.seek(0, Whence.END);
    return AT_POSITION;
  }
  return file.inode instanceof RegularInode ? file.inode.size : offset;
}

function sysReadv(task: Task, args: Registers): SyscallResult {
  return vectorCall(task, args, false, AT_POSITION);
}

function sysWritev(task: Task, args: Registers): SyscallResult {
  return vectorCall(task, args, true, AT_POSITION);
}

function positionedVector(task: Task, args: Registers, isWrite: boolean): SyscallResult {
  const offset = args.argumentLong(3);
  return offset < 0 ? -Errno.EINVAL : vectorCall(task, args, isWrite, offset);
}

function sysPreadv(task: Task, args: Registers): SyscallResult {
  return positionedVector(task, args, false);
}

function sysPwritev(task: Task, args: Registers): SyscallResult {
  return positionedVector(task, args, true);
}

/** With an offset of -1 the file's own position. */
function flaggedVector(task: Task, args: Registers, isWrite: boolean): SyscallResult {
  const flags = args.argumentUint(5);
  const offset = args.argumentLong(3);
  if (offset < AT_POSITION) {
    return -Errno.EINVAL;
  }
  return flags & ~RWF_KNOWN ? -Errno.EOPNOTSUPP : vectorCall(task, args, isWrite, offset, flags);
}

function sysPreadv2(task: Task, args: Registers): SyscallResult {
  return flaggedVector(task, args, false);
}

function sysPwritev2(task: Task, args: Registers): SyscallResult {
  return flaggedVector(task, args, true);
}

const VECTOR_ARGS = ['fd', 'pointer', 'int'] as const;
const POSITIONED_ARGS = [...VECTOR_ARGS, 'long', 'long'] as const;

export const rows: readonly SyscallRow[] = [
  {
    number: 0,
    name: 'read',
    handler: sysRead,
    args: ['fd', 'buffer-out', 'size'],
    support: 'full',
  },
  {
    number: 1,
    name: 'write',
    handler: sysWrite,
    args: ['fd', 'buffer-in', 'size'],
    support: 'full',
  },
  {
    number: 17,
    name: 'pread64',
    handler: sysPread,
    args: ['fd', 'buffer-out', 'size', 'long'],
    support: 'full',
  },
  {
    number: 18,
    name: 'pwrite64',
    handler: sysPwrite,
    args: ['fd', 'buffer-in', 'size', 'long'],
    support: 'full',
  },
  {
    number: 19,
    name: 'readv',
    handler: sysReadv,
    args: ['fd', 'vector-out', 'int'],
    support: 'full',
  },
  {
    number: 20,
    name: 'writev',
    handler: sysWritev,
    args: ['fd', 'vector-in', 'int'],
    support: 'full',
  },
  { number: 295, name: 'preadv', handler: sysPreadv, args: POSITIONED_ARGS, support: 'full' },
  { number: 296, name: 'pwritev', handler: sysPwritev, args: POSITIONED_ARGS, support: 'full' },
  {
    number: 327,
    name: 'preadv2',
    handler: sysPreadv2,
    args: [...POSITIONED_ARGS, 'hex'],
    support: 'full',
  },
  {
    number: 328,
    name: 'pwritev2',
    handler: sysPwritev2,
    args: [...POSITIONED_ARGS, 'hex'],
    support: 'full',
  },
];

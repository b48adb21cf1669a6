/** Position, size and durability: lseek(2), truncate(2), fallocate(2), fsync(2), posix_fadvise(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, AT_FDCWD, Fallocate, MAX_FILE_SIZE, Whence } from '../abi/fcntl.js';
import { Inotify } from '../abi/inotify.js';
import type { Dentry } from '../fs/dentry.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import { Walk } from '../fs/path-walk.js';
import { mayAccess } from '../fs/permission.js';
import { RegularInode } from '../fs/regular-inode.js';
import type { Task } from '../task/task.js';
import { checkNewSize } from './file-size-limit.js';
import { usableFile } from './file-descriptor-argument.js';
import { readPath, scratchRecord, statPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

function sysLseek(task: Task, args: Registers): number {
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  const whence = args.argumentUint(2);
  if (whence > Whence.HOLE) {
    return -Errno.EINVAL;
  }
  return file.seek(args.argumentLong(1), whence);
}

function sysTruncate(task: Task, args: Registers): number {
  const size = args.argumentLong(1);
  if (size < 0) {
    return -Errno.EINVAL;
  }
  const path = readPath(task, args.argument(0));
  if (typeof path === 'number') {
    return path;
  }
  const walk = statPath(task, AT_FDCWD, path, Walk.Follow, scratchRecord);
  if (typeof walk === 'number') {
    return walk;
  }
  if (walk.file !== undefined) {
    return -Errno.EINVAL;
  }
  const { inode } = walk;
  if (inode.isDirectory) {
    return -Errno.EISDIR;
  }
  if (!mayAccess(inode, task.credentials, AccessMode.W_OK)) {
    return -Errno.EACCES;
  }
  if (walk.mount.readOnly) {
    return -Errno.EROFS;
  }
  if (size > MAX_FILE_SIZE) {
    return -Errno.EFBIG;
  }
  if (inode instanceof RegularInode && inode.isExecuted) {
    return -Errno.ETXTBSY;
  }
  const error = checkNewSize(task, inode, size);
  return error < 0 ? error : modified(walk.location.dentry, inode.truncate(size));
}

function sysFtruncate(task: Task, args: Registers): number {
  const size = args.argumentLong(1);
  if (size < 0) {
    return -Errno.EINVAL;
  }
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  if (!file.writable) {
    return -Errno.EINVAL;
  }
  if (size > MAX_FILE_SIZE) {
    return -Errno.EFBIG;
  }
  const error = checkNewSize(task, file.inode, size);
  return error < 0 ? error : modified(file.location?.dentry, file.truncate(size));
}

/** Tells of a change that succeeded. */
function modified(dentry: Dentry | undefined, result: number): number {
  if (result === 0) {
    notifyPlace(dentry, Inotify.MODIFY);
  }
  return result;
}

const FALLOC_KNOWN = Object.values(Fallocate).reduce((all, mode) => all | mode, 0);
/** Modes that let the size grow; those that move what is there do it by themselves. */
const KEEPS_SIZE = Fallocate.KEEP_SIZE | Fallocate.COLLAPSE_RANGE | Fallocate.INSERT_RANGE;

function sysFallocate(task: Task, args: Registers): number {
  const [mode, offset, length] = [args.argumentInt(1), args.argumentLong(2), args.argumentLong(3)];
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined || !file.writable) {
    return -Errno.EBADF;
  }
  if (offset < 0 || length <= 0) {
    return -Errno.EINVAL;
  }
  const keeps = (mode & Fallocate.KEEP_SIZE) !== 0;
  if (mode & ~FALLOC_KNOWN || (mode & Fallocate.PUNCH_HOLE && !keeps)) {
    return -Errno.EOPNOTSUPP;
  }
  const { inode } = file;
  if (!(inode instanceof RegularInode)) {
    return file.seekable ? -Errno.ENODEV : -Errno.ESPIPE;
  }
  if (offset + length > MAX_FILE_SIZE) {
    return -Errno.EFBIG;
  }
  const end = mode & Fallocate.INSERT_RANGE ? inode.size + length : offset + length;
  const grows = (mode & KEEPS_SIZE) === 0 || (mode & Fallocate.INSERT_RANGE) !== 0;
  const error = grows ? checkNewSize(task, inode, end) : 0;
  return error < 0 ? error : modified(file.location?.dentry, inode.allocate(mode, offset, length));
}

function sync(task: Task, args: Registers, dataOnly: boolean): number {
  const file = usableFile(task, args.argumentInt(0));
  return file === undefined ? -Errno.EBADF : file.sync(dataOnly);
}

function sysFsync(task: Task, args: Registers): number {
  return sync(task, args, false);
}

function sysFdatasync(task: Task, args: Registers): number {
  return sync(task, args, true);
}

/** What is in memory has nowhere to go; what was bound is written at once. */
function sysSync(): number {
  return 0;
}

function sysSyncfs(task: Task, args: Registers): number {
  return usableFile(task, args.argumentInt(0)) === undefined ? -Errno.EBADF : 0;
}

const FADVISE_MAX = 5;

function sysFadvise(task: Task, args: Registers): number {
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  if (!file.seekable) {
    return -Errno.ESPIPE;
  }
  const advice = args.argumentInt(3);
  return advice < 0 || advice > FADVISE_MAX || args.argumentLong(2) < 0 ? -Errno.EINVAL : 0;
}

/** readahead(2) */
function sysReadahead(task: Task, args: Registers): number {
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined || !file.readable) {
    return -Errno.EBADF;
  }
  return file.inode?.isRegular ? 0 : -Errno.EINVAL;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 8,
    name: 'lseek',
    handler: sysLseek,
    args: ['fd', 'long', 'whence'],
    support: 'full',
  },
  { number: 76, name: 'truncate', handler: sysTruncate, args: ['path', 'long'], support: 'full' },
  { number: 77, name: 'ftruncate', handler: sysFtruncate, args: ['fd', 'long'], support: 'full' },
  {
    number: 285,
    name: 'fallocate',
    handler: sysFallocate,
    args: ['fd', 'allocation-mode', 'long', 'long'],
    support: 'partial',
    missing:
      'room is not set aside in memory, and moves of what is in a file are only for bound folders',
  },
  { number: 74, name: 'fsync', handler: sysFsync, args: ['fd'], support: 'full' },
  { number: 75, name: 'fdatasync', handler: sysFdatasync, args: ['fd'], support: 'full' },
  { number: 162, name: 'sync', handler: sysSync, args: [], support: 'full' },
  { number: 306, name: 'syncfs', handler: sysSyncfs, args: ['fd'], support: 'full' },
  {
    number: 221,
    name: 'fadvise64',
    handler: sysFadvise,
    args: ['fd', 'long', 'size', 'file-advice'],
    support: 'full',
  },
  {
    number: 187,
    name: 'readahead',
    handler: sysReadahead,
    args: ['fd', 'long', 'size'],
    support: 'full',
  },
];

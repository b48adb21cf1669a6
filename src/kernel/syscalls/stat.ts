/** Metadata: stat(2), statx(2), access(2), readlink(2), statfs(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, At, AT_FDCWD } from '../abi/fcntl.js';
import {
  Mode,
  STAT_SIZE,
  STATFS_SIZE,
  STATX_BASIC_STATS,
  STATX_MNT_ID,
  STATX_RESERVED,
} from '../abi/stat.js';
import { FsMagic } from '../abi/statfs.js';
import { emptyStatfs } from '../fs/file-system.js';
import type { Inode } from '../fs/inode.js';
import { Walk } from '../fs/path-walk.js';
import { mayAccessAs } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { readPath, scratchRecord, statPath, walkArgument } from './path-argument.js';
import type { SyscallRow } from './row.js';

const statBytes = new Uint8Array(STAT_SIZE);
const statView = new DataView(statBytes.buffer);
const STAT_FLAGS = At.SYMLINK_NOFOLLOW | At.NO_AUTOMOUNT | At.EMPTY_PATH;
/** Bytes of struct statx that we fill; behind them are fields that only newer kernels know. */
const STATX_FILLED = 152;
const STATX_BTIME = 0x800;
const BTIME_OFFSET = 80;

/** Fills `scratchRecord`; 0 or -errno. */
function statAt(task: Task, dirfd: number, address: number, flags: number): number {
  const path = address === 0 && flags & At.EMPTY_PATH ? '' : readPath(task, address);
  if (typeof path === 'number') {
    return path;
  }
  if (path === '' && flags & At.EMPTY_PATH) {
    return statDescriptor(task, dirfd);
  }
  const follow = flags & At.SYMLINK_NOFOLLOW ? 0 : Walk.Follow;
  const walk = statPath(task, dirfd, path, follow, scratchRecord);
  return typeof walk === 'number' ? walk : 0;
}

function statDescriptor(task: Task, fd: number): number {
  if (fd === AT_FDCWD) {
    const { cwd } = task.fsContext;
    scratchRecord.mountId = cwd.mount.id;
    return (cwd.dentry.inode as Inode).stat(scratchRecord);
  }
  const file = task.files.get(fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  const error = file.stat(scratchRecord);
  scratchRecord.mountId = file.location?.mount.id ?? 0;
  return error;
}

function giveStat(task: Task, address: number, error: number): number {
  if (error < 0) {
    return error;
  }
  scratchRecord.encodeStat(statView);
  return task.mm.copyOut(address, statBytes) < STAT_SIZE ? -Errno.EFAULT : 0;
}

function sysStat(task: Task, args: Registers): number {
  return giveStat(task, args.argument(1), statAt(task, AT_FDCWD, args.argument(0), 0));
}

function sysLstat(task: Task, args: Registers): number {
  const error = statAt(task, AT_FDCWD, args.argument(0), At.SYMLINK_NOFOLLOW);
  return giveStat(task, args.argument(1), error);
}

function sysFstat(task: Task, args: Registers): number {
  const fd = args.argumentInt(0);
  const error = fd < 0 ? -Errno.EBADF : statDescriptor(task, fd);
  return giveStat(task, args.argument(1), error);
}

function sysNewfstatat(task: Task, args: Registers): number {
  const flags = args.argumentInt(3);
  if (flags & ~STAT_FLAGS) {
    return -Errno.EINVAL;
  }
  const error = statAt(task, args.argumentInt(0), args.argument(1), flags);
  return giveStat(task, args.argument(2), error);
}

function sysStatx(task: Task, args: Registers): number {
  const flags = args.argumentInt(2);
  const mask = args.argumentUint(3);
  const synchronous = flags & At.STATX_SYNC_TYPE;
  if (
    mask & STATX_RESERVED ||
    flags & ~(STAT_FLAGS | At.STATX_SYNC_TYPE) ||
    synchronous === At.STATX_SYNC_TYPE
  ) {
    return -Errno.EINVAL;
  }
  const error = statAt(task, args.argumentInt(0), args.argument(1), flags);
  if (error < 0) {
    return error;
  }
  const { bytes } = scratchRecord;
  bytes.fill(0, STATX_FILLED);
  scratchRecord.mask =
    (scratchRecord.mask & (STATX_BASIC_STATS | (mask & STATX_BTIME))) | STATX_MNT_ID;
  if ((mask & STATX_BTIME) === 0) {
    bytes.fill(0, BTIME_OFFSET, BTIME_OFFSET + 16);
  }
  return task.mm.copyOut(args.argument(4), bytes) < bytes.length ? -Errno.EFAULT : 0;
}

function access(task: Task, dirfd: number, address: number, wanted: number, flags: number): number {
  if (wanted & ~7 || flags & ~(At.EACCESS | At.SYMLINK_NOFOLLOW | At.EMPTY_PATH)) {
    return -Errno.EINVAL;
  }
  const error = statAt(task, dirfd, address, flags);
  if (error < 0 || wanted === AccessMode.F_OK) {
    return error;
  }
  const { uid, gid, fsuid, fsgid, groups } = task.credentials;
  const allowed =
    flags & At.EACCESS
      ? mayAccessAs(scratchRecord, fsuid, fsgid, groups, wanted)
      : mayAccessAs(scratchRecord, uid, gid, groups, wanted);
  if (!allowed) {
    return -Errno.EACCES;
  }
  return wanted & AccessMode.W_OK && isReadOnly(task, scratchRecord.mode) ? -Errno.EROFS : 0;
}

/** The object just looked at is on a read-only mount: devices may be written there all the same. */
function isReadOnly(task: Task, mode: number): boolean {
  const type = mode & Mode.S_IFMT;
  const stored = type === Mode.S_IFREG || type === Mode.S_IFDIR || type === Mode.S_IFLNK;
  return stored && task.fsContext.walk.mount.readOnly;
}

function sysAccess(task: Task, args: Registers): number {
  return access(task, AT_FDCWD, args.argument(0), args.argumentInt(1), 0);
}

function sysFaccessat(task: Task, args: Registers): number {
  return access(task, args.argumentInt(0), args.argument(1), args.argumentInt(2), 0);
}

function sysFaccessat2(task: Task, args: Registers): number {
  const [dirfd, path] = [args.argumentInt(0), args.argument(1)];
  return access(task, dirfd, path, args.argumentInt(2), args.argumentInt(3));
}

function readlink(
  task: Task,
  dirfd: number,
  address: number,
  buffer: number,
  size: number,
): number {
  if (size <= 0) {
    return -Errno.EINVAL;
  }
  const inode = linkAt(task, dirfd, address);
  if (typeof inode === 'number') {
    return inode;
  }
  const target = inode.readLink(task);
  if (typeof target === 'number') {
    return target;
  }
  const bytes = Buffer.from(target.slice(0, size), 'latin1');
  return task.mm.copyOut(buffer, bytes) < bytes.length ? -Errno.EFAULT : bytes.length;
}

/** With an empty path, the link that the descriptor was opened on with O_PATH and O_NOFOLLOW. */
function linkAt(task: Task, dirfd: number, address: number): Inode | number {
  const path = readPath(task, address);
  if (typeof path === 'number') {
    return path;
  }
  if (path === '' && dirfd !== AT_FDCWD) {
    const inode = task.files.get(dirfd)?.inode;
    return inode?.isSymlink ? inode : -Errno.ENOENT;
  }
  const walk = walkArgument(task, dirfd, address, 0);
  return typeof walk === 'number' ? walk : walk.inode;
}

function sysReadlink(task: Task, args: Registers): number {
  return readlink(task, AT_FDCWD, args.argument(0), args.argument(1), args.argumentInt(2));
}

function sysReadlinkat(task: Task, args: Registers): number {
  const [dirfd, path] = [args.argumentInt(0), args.argument(1)];
  return readlink(task, dirfd, path, args.argument(2), args.argumentInt(3));
}

const statfsBytes = new Uint8Array(STATFS_SIZE);

function giveStatfs(task: Task, inode: Inode, address: number): number {
  const error = inode.fs.statfs(inode, statfsBytes);
  if (error < 0) {
    return error;
  }
  return copyStatfs(task, address);
}

function copyStatfs(task: Task, address: number): number {
  return task.mm.copyOut(address, statfsBytes) < STATFS_SIZE ? -Errno.EFAULT : 0;
}

/** The file systems that nothing is mounted from. */
const NAMELESS_MAGIC: ReadonlyMap<number, number> = new Map([
  [Mode.S_IFIFO, FsMagic.Pipefs],
  [Mode.S_IFSOCK, FsMagic.Sockfs],
  [Mode.S_IFCHR, FsMagic.Devpts],
  [Mode.S_IFREG, FsMagic.Tmpfs],
]);

function sysStatfs(task: Task, args: Registers): number {
  const walk = walkArgument(task, AT_FDCWD, args.argument(0), Walk.Follow);
  return typeof walk === 'number' ? walk : giveStatfs(task, walk.inode, args.argument(1));
}

function sysFstatfs(task: Task, args: Registers): number {
  const file = task.files.get(args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  if (file.inode?.fs !== undefined) {
    return giveStatfs(task, file.inode, args.argument(1));
  }
  file.stat(scratchRecord);
  const magic = NAMELESS_MAGIC.get(scratchRecord.mode & Mode.S_IFMT) ?? FsMagic.AnonInode;
  emptyStatfs(magic, statfsBytes);
  return copyStatfs(task, args.argument(1));
}

export const rows: readonly SyscallRow[] = [
  { number: 4, name: 'stat', handler: sysStat, args: ['path', 'stat-out'], support: 'full' },
  { number: 5, name: 'fstat', handler: sysFstat, args: ['fd', 'stat-out'], support: 'full' },
  { number: 6, name: 'lstat', handler: sysLstat, args: ['path', 'stat-out'], support: 'full' },
  {
    number: 262,
    name: 'newfstatat',
    handler: sysNewfstatat,
    args: ['dirfd', 'path', 'stat-out', 'at-flags'],
    support: 'full',
  },
  {
    number: 332,
    name: 'statx',
    handler: sysStatx,
    args: ['dirfd', 'path', 'statx-flags', 'statx-mask', 'statx-out'],
    support: 'full',
  },
  {
    number: 21,
    name: 'access',
    handler: sysAccess,
    args: ['path', 'permissions'],
    support: 'full',
  },
  {
    number: 269,
    name: 'faccessat',
    handler: sysFaccessat,
    args: ['dirfd', 'path', 'permissions'],
    support: 'full',
  },
  {
    number: 439,
    name: 'faccessat2',
    handler: sysFaccessat2,
    args: ['dirfd', 'path', 'permissions', 'at-flags'],
    support: 'full',
  },
  {
    number: 89,
    name: 'readlink',
    handler: sysReadlink,
    args: ['path', 'buffer-out', 'size'],
    support: 'full',
  },
  {
    number: 267,
    name: 'readlinkat',
    handler: sysReadlinkat,
    args: ['dirfd', 'path', 'buffer-out', 'size'],
    support: 'full',
  },
  { number: 137, name: 'statfs', handler: sysStatfs, args: ['path', 'pointer'], support: 'full' },
  {
    number: 138,
    name: 'fstatfs',
    handler: sysFstatfs,
    args: ['fd', 'pointer'],
    support: 'full',
  },
];

/** Directories: getdents64(2), getcwd(2), chdir(2). */
import type { Registers } from '../../platform/registers.js';
import { convertToOldDirents } from '../abi/dirent.js';
import { Errno } from '../abi/errno.js';
import { Inotify } from '../abi/inotify.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import { AccessMode, AT_FDCWD, PATH_MAX } from '../abi/fcntl.js';
import type { Location } from '../fs/location.js';
import { Walk } from '../fs/path-walk.js';
import { mayAccess } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { readPath, scratchRecord, statPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

/** The most that one call gives, whatever the guest's buffer. */
const MAX_DIRENTS = 256 * 1024;

function getdents(task: Task, args: Registers, old: boolean): number {
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  const records = file.nextDirents(task, Math.min(args.argumentUint(2), MAX_DIRENTS));
  if (typeof records === 'number') {
    return records;
  }
  const bytes = old ? Buffer.from(records) : records;
  if (old) {
    convertToOldDirents(bytes as Buffer);
  }
  notifyPlace(file.location?.dentry, Inotify.ACCESS);
  if (task.mm.copyOut(args.argument(1), bytes) < bytes.length) {
    file.unread(records);
    return -Errno.EFAULT;
  }
  return bytes.length;
}

function sysGetdents(task: Task, args: Registers): number {
  return getdents(task, args, true);
}

function sysGetdents64(task: Task, args: Registers): number {
  return getdents(task, args, false);
}

function sysGetcwd(task: Task, args: Registers): number {
  const path = task.fsContext.currentDirectory();
  if (typeof path === 'number') {
    return path;
  }
  if (path.length >= PATH_MAX) {
    return -Errno.ENAMETOOLONG;
  }
  const bytes = Buffer.from(`${path}\0`, 'latin1');
  if (args.argument(1) < bytes.length) {
    return -Errno.ERANGE;
  }
  return task.mm.copyOut(args.argument(0), bytes) < bytes.length ? -Errno.EFAULT : bytes.length;
}

function enter(task: Task, location: Location): number {
  const { inode } = location.dentry;
  if (inode?.isDirectory !== true) {
    return -Errno.ENOTDIR;
  }
  if (!mayAccess(inode, task.credentials, AccessMode.X_OK)) {
    return -Errno.EACCES;
  }
  task.fsContext.cwd = location;
  return 0;
}

function directoryAt(task: Task, address: number): Location | number {
  const path = readPath(task, address);
  if (typeof path === 'number') {
    return path;
  }
  const walk = statPath(task, AT_FDCWD, path, Walk.Follow, scratchRecord);
  if (typeof walk === 'number') {
    return walk;
  }
  return walk.file === undefined ? walk.location : -Errno.ENOTDIR;
}

function sysChdir(task: Task, args: Registers): number {
  const location = directoryAt(task, args.argument(0));
  return typeof location === 'number' ? location : enter(task, location);
}

function sysFchdir(task: Task, args: Registers): number {
  const file = task.files.get(args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  return file.location === undefined ? -Errno.ENOTDIR : enter(task, file.location);
}

/** The new root is within the old one: what lies outside stays out of reach. */
function sysChroot(task: Task, args: Registers): number {
  const location = directoryAt(task, args.argument(0));
  if (typeof location === 'number') {
    return location;
  }
  if (location.dentry.inode?.isDirectory !== true) {
    return -Errno.ENOTDIR;
  }
  if (task.credentials.euid !== 0) {
    return -Errno.EPERM;
  }
  location.dentry.users++;
  task.fsContext.root = location;
  return 0;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 78,
    name: 'getdents',
    handler: sysGetdents,
    args: ['fd', 'entries-out', 'uint'],
    support: 'full',
  },
  {
    number: 217,
    name: 'getdents64',
    handler: sysGetdents64,
    args: ['fd', 'entries-out', 'uint'],
    support: 'full',
  },
  {
    number: 79,
    name: 'getcwd',
    handler: sysGetcwd,
    args: ['path-out', 'size'],
    support: 'full',
  },
  { number: 80, name: 'chdir', handler: sysChdir, args: ['path'], support: 'full' },
  { number: 81, name: 'fchdir', handler: sysFchdir, args: ['fd'], support: 'full' },
  { number: 161, name: 'chroot', handler: sysChroot, args: ['path'], support: 'full' },
];

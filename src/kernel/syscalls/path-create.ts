/** Making names: mkdir(2), mknod(2), symlink(2), link(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, At, AT_FDCWD } from '../abi/fcntl.js';
import { Mode } from '../abi/stat.js';
import { Inotify } from '../abi/inotify.js';
import type { Dentry } from '../fs/dentry.js';
import type { Inode, NewNode } from '../fs/inode.js';
import { notifyEntry, notifyInode } from '../fs/inotify/notify.js';
import type { Location } from '../fs/location.js';
import { type PathWalk, Walk } from '../fs/path-walk.js';
import { isOwner, mayAccess } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { readPath, statPath, scratchRecord, walkArgument, walkPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

const DIRECTORY_MODE = 0o1777;
const PERMISSIONS = 0o7777;

/** The walk ended at a name that is free, in a directory that the caller may change. 0 or -errno. */
export function checkNewName(task: Task, walk: PathWalk): number {
  const { parent } = walk;
  if (walk.dentry !== undefined || walk.file !== undefined || parent === undefined) {
    return -Errno.EEXIST;
  }
  const directory = parent.dentry.inode as Inode;
  if (parent.dentry.removed) {
    return -Errno.ENOENT;
  }
  if (parent.mount.readOnly) {
    return -Errno.EROFS;
  }
  const wanted = AccessMode.W_OK | AccessMode.X_OK;
  return mayAccess(directory, task.credentials, wanted) ? 0 : -Errno.EACCES;
}

/** Makes an object where the walk ended; the umask is applied here. */
export function makeNode(
  task: Task,
  walk: PathWalk,
  mode: number,
  extra: Pick<NewNode, 'device' | 'target'> = {},
): Inode | number {
  const error = checkNewName(task, walk);
  if (error < 0 || walk.parent === undefined) {
    return error;
  }
  const { dentry } = walk.parent;
  const directory = dentry.inode as Inode;
  const masked = mode & ~(extra.target === undefined ? task.fsContext.umask : 0);
  const made = directory.make(dentry, walk.last, ownedNode(task, directory, masked, extra));
  if (typeof made !== 'number') {
    notifyEntry(directory, walk.last, made, Inotify.CREATE);
  }
  return made;
}

/** An object of the directory's file system without a name; the umask is applied here. */
export function makeNameless(task: Task, directory: Inode, mode: number): Inode | number {
  return directory.makeNameless(ownedNode(task, directory, mode & ~task.fsContext.umask, {}));
}

/** A directory with the set-group-id bit gives its group on (mkdir(2)). */
function ownedNode(
  task: Task,
  directory: Inode,
  mode: number,
  extra: Pick<NewNode, 'device' | 'target'>,
): NewNode {
  const { fsuid, fsgid } = task.credentials;
  const inherits = (directory.mode & Mode.S_ISGID) !== 0;
  const isDirectory = (mode & Mode.S_IFMT) === Mode.S_IFDIR;
  return {
    mode: inherits && isDirectory ? mode | Mode.S_ISGID : mode,
    uid: fsuid,
    gid: inherits ? directory.gid : fsgid,
    ...extra,
  };
}

function makeAt(
  task: Task,
  dirfd: number,
  address: number,
  mode: number,
  extra: Pick<NewNode, 'device' | 'target'> = {},
): number {
  const walk = walkArgument(task, dirfd, address, Walk.Parent | Walk.KeepSlashedLink);
  if (typeof walk === 'number') {
    // A name that is there, with a slash behind it, is there all the same.
    return walk;
  }
  const isDirectory = (mode & Mode.S_IFMT) === Mode.S_IFDIR;
  if (walk.dentry === undefined && walk.trailingSlash && !isDirectory) {
    return -Errno.ENOENT;
  }
  const made = makeNode(task, walk, mode, extra);
  return typeof made === 'number' ? made : 0;
}

function mkdir(task: Task, dirfd: number, address: number, mode: number): number {
  return makeAt(task, dirfd, address, Mode.S_IFDIR | (mode & DIRECTORY_MODE));
}

function mknod(task: Task, dirfd: number, address: number, mode: number): number {
  const type = mode & Mode.S_IFMT;
  switch (type) {
    case 0:
    case Mode.S_IFREG:
    case Mode.S_IFIFO:
    case Mode.S_IFSOCK:
      return makeAt(task, dirfd, address, (type || Mode.S_IFREG) | (mode & PERMISSIONS));
    case Mode.S_IFCHR:
    case Mode.S_IFBLK:
      return -Errno.EPERM;
    case Mode.S_IFDIR:
      return -Errno.EPERM;
    default:
      return -Errno.EINVAL;
  }
}

function symlink(task: Task, target: number, dirfd: number, address: number): number {
  const text = readPath(task, target);
  if (typeof text === 'number') {
    return text;
  }
  if (text === '') {
    return -Errno.ENOENT;
  }
  return makeAt(task, dirfd, address, Mode.S_IFLNK | 0o777, { target: text });
}

function link(
  task: Task,
  dirfd: number,
  address: number,
  newDirfd: number,
  newAddress: number,
  flags: number,
): number {
  if (flags & ~(At.SYMLINK_FOLLOW | At.EMPTY_PATH)) {
    return -Errno.EINVAL;
  }
  const path = readPath(task, address);
  const newPath = readPath(task, newAddress);
  if (typeof path === 'number' || typeof newPath === 'number') {
    return typeof path === 'number' ? path : (newPath as number);
  }
  const source = linkSource(task, dirfd, path, flags);
  if (typeof source === 'number') {
    return source;
  }
  const { mount, dentry } = source;
  dentry.users++;
  const walk = walkPath(task, newDirfd, newPath, Walk.Parent | Walk.KeepSlashedLink);
  dentry.users--;
  if (typeof walk === 'number') {
    return walk;
  }
  const error = checkNewName(task, walk);
  if (error < 0 || walk.parent === undefined) {
    return error;
  }
  if (walk.parent.mount !== mount) {
    return -Errno.EXDEV;
  }
  const inode = dentry.inode as Inode;
  if (inode.isDirectory || !isOwner(inode, task.credentials)) {
    return -Errno.EPERM;
  }
  const gone = dentry.removed && !dentry.linkable;
  return gone ? -Errno.ENOENT : makeLink(walk.parent.dentry, walk.last, dentry);
}

/** What is to get another name. */
function linkSource(task: Task, dirfd: number, path: string, flags: number): Location | number {
  if (path === '' && flags & At.EMPTY_PATH) {
    return dirfd === AT_FDCWD
      ? task.fsContext.cwd
      : (task.files.get(dirfd)?.location ?? -Errno.EBADF);
  }
  const follow = flags & At.SYMLINK_FOLLOW ? Walk.Follow : 0;
  const walk = statPath(task, dirfd, path, follow, scratchRecord);
  if (typeof walk === 'number') {
    return walk;
  }
  return walk.file === undefined ? walk.location : -Errno.EXDEV;
}

function makeLink(parent: Dentry, name: string, target: Dentry): number {
  const directory = parent.inode as Inode;
  const result = directory.link(parent, name, target);
  if (result === 0) {
    notifyInode(target.inode, Inotify.ATTRIB);
    notifyEntry(directory, name, target.inode, Inotify.CREATE);
  }
  return result;
}

function sysMkdir(task: Task, args: Registers): number {
  return mkdir(task, AT_FDCWD, args.argument(0), args.argumentUint(1));
}

function sysMkdirat(task: Task, args: Registers): number {
  return mkdir(task, args.argumentInt(0), args.argument(1), args.argumentUint(2));
}

function sysMknod(task: Task, args: Registers): number {
  return mknod(task, AT_FDCWD, args.argument(0), args.argumentUint(1));
}

function sysMknodat(task: Task, args: Registers): number {
  return mknod(task, args.argumentInt(0), args.argument(1), args.argumentUint(2));
}

function sysSymlink(task: Task, args: Registers): number {
  return symlink(task, args.argument(0), AT_FDCWD, args.argument(1));
}

function sysSymlinkat(task: Task, args: Registers): number {
  return symlink(task, args.argument(0), args.argumentInt(1), args.argument(2));
}

function sysLink(task: Task, args: Registers): number {
  return link(task, AT_FDCWD, args.argument(0), AT_FDCWD, args.argument(1), 0);
}

function sysLinkat(task: Task, args: Registers): number {
  return link(
    task,
    args.argumentInt(0),
    args.argument(1),
    args.argumentInt(2),
    args.argument(3),
    args.argumentInt(4),
  );
}

const NO_DEVICES = 'device nodes cannot be made';

export const rows: readonly SyscallRow[] = [
  { number: 83, name: 'mkdir', handler: sysMkdir, args: ['path', 'mode'], support: 'full' },
  {
    number: 258,
    name: 'mkdirat',
    handler: sysMkdirat,
    args: ['dirfd', 'path', 'mode'],
    support: 'full',
  },
  {
    number: 133,
    name: 'mknod',
    handler: sysMknod,
    args: ['path', 'file-mode', 'hex'],
    support: 'partial',
    missing: NO_DEVICES,
  },
  {
    number: 259,
    name: 'mknodat',
    handler: sysMknodat,
    args: ['dirfd', 'path', 'file-mode', 'hex'],
    support: 'partial',
    missing: NO_DEVICES,
  },
  { number: 88, name: 'symlink', handler: sysSymlink, args: ['path', 'path'], support: 'full' },
  {
    number: 266,
    name: 'symlinkat',
    handler: sysSymlinkat,
    args: ['path', 'dirfd', 'path'],
    support: 'full',
  },
  { number: 86, name: 'link', handler: sysLink, args: ['path', 'path'], support: 'full' },
  {
    number: 265,
    name: 'linkat',
    handler: sysLinkat,
    args: ['dirfd', 'path', 'dirfd', 'path', 'at-flags'],
    support: 'full',
  },
];

/** Removing and renaming: unlink(2), rmdir(2), rename(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, At, AT_FDCWD, Rename } from '../abi/fcntl.js';
import type { Dentry } from '../fs/dentry.js';
import { Inotify } from '../abi/inotify.js';
import type { Inode } from '../fs/inode.js';
import { notifyEntry, notifyIfGone, notifyInode, notifyMove } from '../fs/inotify/notify.js';
import type { Location } from '../fs/location.js';
import { type LastKind, type PathWalk, Walk } from '../fs/path-walk.js';
import { isSticky, mayAccess } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { readPath, walkArgument, walkPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

const NAMES = Walk.Parent | Walk.KeepSlashedLink;

/** The caller may take `child` out of `directory`. 0 or -errno. */
function checkRemoval(task: Task, parent: Location, child: Dentry): number {
  const directory = parent.dentry.inode as Inode;
  const wanted = AccessMode.W_OK | AccessMode.X_OK;
  if (parent.mount.readOnly) {
    return -Errno.EROFS;
  }
  if (!mayAccess(directory, task.credentials, wanted)) {
    return -Errno.EACCES;
  }
  if (isSticky(directory, child.inode as Inode, task.credentials)) {
    return -Errno.EPERM;
  }
  return 0;
}

/** What rmdir and unlink say of a last component that is no name. */
function errorOfLast(kind: LastKind, isDirectory: boolean): number {
  if (!isDirectory) {
    return -Errno.EISDIR;
  }
  switch (kind) {
    case 'dot':
      return -Errno.EINVAL;
    case 'dotdot':
      return -Errno.ENOTEMPTY;
    default:
      return -Errno.EBUSY;
  }
}

function remove(task: Task, dirfd: number, address: number, isDirectory: boolean): number {
  const walk = walkArgument(task, dirfd, address, NAMES);
  if (typeof walk === 'number') {
    return walk;
  }
  const { parent } = walk;
  if (parent === undefined) {
    return errorOfLast(walk.lastKind, isDirectory);
  }
  if (walk.dentry === undefined) {
    return -Errno.ENOENT;
  }
  const child = parent.dentry.child(walk.last);
  // A mount's root is not an entry of the directory that was walked.
  if (child?.mount !== undefined) {
    const hasDirectory = child.mount.root.inode?.isDirectory === true;
    const other = hasDirectory ? -Errno.EISDIR : -Errno.ENOTDIR;
    return hasDirectory === isDirectory ? -Errno.EBUSY : other;
  }
  if (child?.inode === undefined) {
    return -Errno.ENOENT;
  }
  const error = checkRemoval(task, parent, child);
  return error < 0 ? error : removeEntry(task, parent, child, isDirectory, walk.trailingSlash);
}

function removeEntry(
  task: Task,
  parent: Location,
  child: Dentry,
  isDirectory: boolean,
  slashed: boolean,
): number {
  const inode = child.inode as Inode;
  if (isDirectory !== inode.isDirectory) {
    return isDirectory || slashed ? -Errno.ENOTDIR : -Errno.EISDIR;
  }
  if (isDirectory) {
    const empty = inode.isEmpty(child, task);
    if (empty !== true) {
      return empty === false ? -Errno.ENOTEMPTY : empty;
    }
  }
  const error = (parent.dentry.inode as Inode).remove(parent.dentry, child);
  if (error === 0) {
    child.removed = true;
    notifyRemoved(parent.dentry, child, inode);
  }
  return error;
}

/** In the order of Linux: a directory is gone before its parent is told, anything else after. */
function notifyRemoved(parent: Dentry, child: Dentry, inode: Inode): void {
  if (inode.isDirectory) {
    notifyIfGone(child);
    notifyEntry(parent.inode, child.name, inode, Inotify.DELETE);
  } else {
    notifyInode(inode, Inotify.ATTRIB);
    notifyEntry(parent.inode, child.name, inode, Inotify.DELETE);
    notifyIfGone(child);
  }
}

/** One side of a rename. */
interface RenameSide {
  readonly parent: Location;
  readonly name: string;
  readonly child: Dentry | undefined;
  readonly trailingSlash: boolean;
}

function renameSide(walk: PathWalk): RenameSide | number {
  const { parent } = walk;
  if (parent === undefined) {
    return -Errno.EBUSY;
  }
  const child = walk.dentry === undefined ? undefined : parent.dentry.child(walk.last);
  if (child?.mount !== undefined) {
    return -Errno.EBUSY;
  }
  return { parent, name: walk.last, child, trailingSlash: walk.trailingSlash };
}

function rename(
  task: Task,
  dirfds: readonly [number, number],
  addresses: readonly [number, number],
  flags: number,
): number {
  const exclusive = Rename.NOREPLACE | Rename.EXCHANGE;
  if (flags & ~exclusive || (flags & exclusive) === exclusive) {
    return -Errno.EINVAL;
  }
  const path = readPath(task, addresses[0]);
  const newPath = readPath(task, addresses[1]);
  if (typeof path === 'number' || typeof newPath === 'number') {
    return typeof path === 'number' ? path : (newPath as number);
  }
  const source = walkPath(task, dirfds[0], path, NAMES);
  const from = typeof source === 'number' ? source : renameSide(source);
  if (typeof from === 'number') {
    return from;
  }
  // The second walk may make the cache forget what nobody uses.
  const held = from.child ?? from.parent.dentry;
  held.users++;
  const target = walkPath(task, dirfds[1], newPath, NAMES);
  held.users--;
  const to = typeof target === 'number' ? target : renameSide(target);
  if (typeof to === 'number') {
    return to;
  }
  return from.child === undefined ? -Errno.ENOENT : renameEntry(task, from, from.child, to, flags);
}

function renameEntry(
  task: Task,
  from: RenameSide,
  child: Dentry,
  to: RenameSide,
  flags: number,
): number {
  const error = checkRename(task, from, child, to, flags);
  if (error < 0) {
    return error;
  }
  const directory = from.parent.dentry.inode as Inode;
  const replaced = to.child;
  if (replaced === child || (replaced !== undefined && replaced.inode === child.inode)) {
    return 0;
  }
  if (flags & Rename.EXCHANGE) {
    return exchangeEntries(from, child, to, replaced as Dentry);
  }
  const result = directory.rename(from.parent.dentry, child, to.parent.dentry, to.name, replaced);
  if (result === 0) {
    if (replaced !== undefined) {
      replaced.removed = true;
    }
    notifyMove(entryOf(from), entryOf(to), child.inode as Inode, replaced);
  }
  return result;
}

function entryOf({ parent, name }: RenameSide): { directory: Inode; name: string } {
  return { directory: parent.dentry.inode as Inode, name };
}

function exchangeEntries(from: RenameSide, child: Dentry, to: RenameSide, other: Dentry): number {
  const [first, second] = [child.inode as Inode, other.inode as Inode];
  const result = (from.parent.dentry.inode as Inode).exchange(child, other);
  if (result === 0) {
    notifyMove(entryOf(from), entryOf(to), first, undefined);
    notifyMove(entryOf(to), entryOf(from), second, undefined);
  }
  return result;
}

function checkRename(
  task: Task,
  from: RenameSide,
  child: Dentry,
  to: RenameSide,
  flags: number,
): number {
  if (from.parent.mount !== to.parent.mount) {
    return -Errno.EXDEV;
  }
  if (flags & Rename.NOREPLACE && to.child !== undefined) {
    return -Errno.EEXIST;
  }
  const inode = child.inode as Inode;
  if (!inode.isDirectory && (from.trailingSlash || (to.trailingSlash && to.child === undefined))) {
    return -Errno.ENOTDIR;
  }
  if (to.parent.dentry.isBelow(child)) {
    return -Errno.EINVAL;
  }
  const removal = checkRemoval(task, from.parent, child);
  if (removal < 0) {
    return removal;
  }
  if (to.child !== undefined) {
    return checkReplaced(task, from, inode, to, to.child, flags);
  }
  return flags & Rename.EXCHANGE ? -Errno.ENOENT : checkTargetDirectory(task, to);
}

function checkTargetDirectory(task: Task, to: RenameSide): number {
  if (to.parent.dentry.removed) {
    return -Errno.ENOENT;
  }
  const wanted = AccessMode.W_OK | AccessMode.X_OK;
  const directory = to.parent.dentry.inode as Inode;
  return mayAccess(directory, task.credentials, wanted) ? 0 : -Errno.EACCES;
}

function checkReplaced(
  task: Task,
  from: RenameSide,
  inode: Inode,
  to: RenameSide,
  replaced: Dentry,
  flags: number,
): number {
  const target = replaced.inode as Inode;
  if (from.parent.dentry.isBelow(replaced)) {
    return flags & Rename.EXCHANGE ? -Errno.EINVAL : -Errno.ENOTEMPTY;
  }
  const removal = checkRemoval(task, to.parent, replaced);
  if (removal < 0 || flags & Rename.EXCHANGE) {
    return removal;
  }
  if (inode.isDirectory !== target.isDirectory) {
    return inode.isDirectory ? -Errno.ENOTDIR : -Errno.EISDIR;
  }
  if (!target.isDirectory) {
    return 0;
  }
  const empty = target.isEmpty(replaced, task);
  return empty === true ? 0 : empty === false ? -Errno.ENOTEMPTY : empty;
}

function sysUnlink(task: Task, args: Registers): number {
  return remove(task, AT_FDCWD, args.argument(0), false);
}

function sysRmdir(task: Task, args: Registers): number {
  return remove(task, AT_FDCWD, args.argument(0), true);
}

function sysUnlinkat(task: Task, args: Registers): number {
  const flags = args.argumentInt(2);
  if (flags & ~At.REMOVEDIR) {
    return -Errno.EINVAL;
  }
  return remove(task, args.argumentInt(0), args.argument(1), (flags & At.REMOVEDIR) !== 0);
}

function sysRename(task: Task, args: Registers): number {
  return rename(task, [AT_FDCWD, AT_FDCWD], [args.argument(0), args.argument(1)], 0);
}

function renameAt(task: Task, args: Registers, flags: number): number {
  const dirfds = [args.argumentInt(0), args.argumentInt(2)] as const;
  return rename(task, dirfds, [args.argument(1), args.argument(3)], flags);
}

function sysRenameat(task: Task, args: Registers): number {
  return renameAt(task, args, 0);
}

function sysRenameat2(task: Task, args: Registers): number {
  return renameAt(task, args, args.argumentUint(4));
}

const RENAME_ARGS = ['dirfd', 'path', 'dirfd', 'path'] as const;

export const rows: readonly SyscallRow[] = [
  { number: 87, name: 'unlink', handler: sysUnlink, args: ['path'], support: 'full' },
  { number: 84, name: 'rmdir', handler: sysRmdir, args: ['path'], support: 'full' },
  {
    number: 263,
    name: 'unlinkat',
    handler: sysUnlinkat,
    args: ['dirfd', 'path', 'at-flags'],
    support: 'full',
  },
  { number: 82, name: 'rename', handler: sysRename, args: ['path', 'path'], support: 'full' },
  { number: 264, name: 'renameat', handler: sysRenameat, args: RENAME_ARGS, support: 'full' },
  {
    number: 316,
    name: 'renameat2',
    handler: sysRenameat2,
    args: ['dirfd', 'path', 'dirfd', 'path', 'rename-flags'],
    support: 'partial',
    missing: 'RENAME_WHITEOUT',
  },
];

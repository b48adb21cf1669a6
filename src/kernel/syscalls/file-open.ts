/** Opening files: open(2), openat(2), creat(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, AT_FDCWD, O } from '../abi/fcntl.js';
import { POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Mode } from '../abi/stat.js';
import { Inotify } from '../abi/inotify.js';
import { Dentry } from '../fs/dentry.js';
import type { Inode } from '../fs/inode.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import { type OpenFile, PathFile } from '../fs/open-file.js';
import { type PathWalk, Walk } from '../fs/path-walk.js';
import { isOwner, mayAccess } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { giveDescriptor } from './file-descriptor-argument.js';
import { isStale, readPath, scratchRecord, walkPath } from './path-argument.js';
import { makeNameless, makeNode } from './path-create.js';
import { waitForFile } from './file-wait.js';
import type { SyscallResult, SyscallRow } from './row.js';

const PATH_FLAGS = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
const PERMISSIONS = 0o7777;

function walkFlags(flags: number): number {
  const exclusive = O.CREAT | O.EXCL;
  const stays = (flags & O.NOFOLLOW) !== 0 || (flags & exclusive) === exclusive;
  return (stays ? 0 : Walk.Follow) | (flags & O.CREAT ? Walk.Parent : 0);
}

/** -errno, or the open file. */
function openFile(
  task: Task,
  dirfd: number,
  path: string,
  flags: number,
  mode: number,
  scope: number,
): OpenFile | number {
  for (let attempt = 0; ; attempt++) {
    const walk = walkPath(task, dirfd, path, walkFlags(flags) | scope);
    if (typeof walk === 'number') {
      return walk;
    }
    const file = openWalked(task, walk, flags, mode);
    const retry = typeof file === 'number' && isStale(file) && walk.dentry !== undefined;
    if (!retry || attempt > 0 || !walk.forget()) {
      return file === -Errno.ESTALE ? -Errno.ENOENT : file;
    }
  }
}

function openWalked(task: Task, walk: PathWalk, flags: number, mode: number): OpenFile | number {
  if (walk.file !== undefined) {
    return reopen(task, walk.file, flags);
  }
  if (walk.dentry === undefined) {
    return createAndOpen(task, walk, flags, mode);
  }
  const { inode } = walk;
  if (flags & O.TMPFILE) {
    return openNameless(task, walk, inode, flags, mode);
  }
  const error = checkExisting(task, walk, inode, flags);
  if (error < 0) {
    return error;
  }
  if (flags & O.PATH) {
    return new PathFile(flags, walk.location);
  }
  const file = opened(inode.open(walk.location, flags, task));
  if (typeof file !== 'number' && flags & O.TRUNC && inode.isRegular) {
    const truncated = inode.truncate(0);
    if (truncated < 0) {
      file.decRef();
      return truncated;
    }
    notifyPlace(walk.dentry, Inotify.MODIFY);
  }
  return file;
}

/** O_TMPFILE: a new file that no name leads to, in the file system of the directory. */
function openNameless(
  task: Task,
  walk: PathWalk,
  directory: Inode,
  flags: number,
  mode: number,
): OpenFile | number {
  if ((flags & O.DIRECTORY) === 0 || (flags & O.ACCMODE) === O.RDONLY || flags & O.CREAT) {
    return -Errno.EINVAL;
  }
  if (!directory.isDirectory) {
    return -Errno.ENOTDIR;
  }
  if (walk.mount.readOnly) {
    return -Errno.EROFS;
  }
  if (!mayAccess(directory, task.credentials, AccessMode.W_OK | AccessMode.X_OK)) {
    return -Errno.EACCES;
  }
  const inode = makeNameless(task, directory, Mode.S_IFREG | (mode & PERMISSIONS));
  if (typeof inode === 'number') {
    return inode;
  }
  const { mount, dentry } = walk.location;
  inode.stat(scratchRecord);
  const entry = new Dentry(`#${String(scratchRecord.inode)}`, dentry, inode);
  entry.removed = true;
  // linkat(2) may give it a name, unless that is excluded.
  entry.linkable = (flags & O.EXCL) === 0;
  return opened(inode.open({ mount, dentry: entry }, flags, task));
}

/** A file without a place, such as a pipe that /proc/self/fd leads to: the same description again, but for files. */
function reopen(task: Task, file: OpenFile, flags: number): OpenFile | number {
  const again = file.inode?.isRegular ? reopenRegular(task, file, file.inode, flags) : undefined;
  if (again !== undefined) {
    return again;
  }
  const wanted = flags & O.ACCMODE;
  const reads = wanted !== O.WRONLY && !file.readable;
  const writes = wanted !== O.RDONLY && !file.writable;
  if (reads || writes) {
    return -Errno.EACCES;
  }
  file.incRef();
  return file;
}

function reopenRegular(
  task: Task,
  file: OpenFile,
  inode: Inode,
  flags: number,
): OpenFile | number | undefined {
  if (!mayAccess(inode, task.credentials, wantedAccess(flags))) {
    return -Errno.EACCES;
  }
  const truncated = flags & O.TRUNC ? inode.truncate(0) : 0;
  return truncated < 0 ? truncated : file.again(flags);
}

function createAndOpen(task: Task, walk: PathWalk, flags: number, mode: number): OpenFile | number {
  if (walk.trailingSlash) {
    return -Errno.EISDIR;
  }
  const made = makeNode(task, walk, Mode.S_IFREG | (mode & PERMISSIONS));
  if (typeof made === 'number') {
    return made;
  }
  const dentry = walk.parent?.dentry.child(walk.last);
  if (dentry === undefined) {
    return -Errno.ENOENT;
  }
  return opened(made.open({ mount: walk.mount, dentry }, flags, task));
}

/** Tells of it. */
function opened(file: OpenFile | number): OpenFile | number {
  if (typeof file !== 'number') {
    notifyPlace(file.location?.dentry, Inotify.OPEN);
  }
  return file;
}

function checkExisting(task: Task, walk: PathWalk, inode: Inode, flags: number): number {
  const exclusive = O.CREAT | O.EXCL;
  if ((flags & exclusive) === exclusive) {
    return -Errno.EEXIST;
  }
  if (inode.isSymlink && (flags & O.PATH) === 0) {
    return -Errno.ELOOP;
  }
  if (flags & O.DIRECTORY && !inode.isDirectory) {
    return -Errno.ENOTDIR;
  }
  if (flags & O.PATH) {
    return 0;
  }
  const changes = (flags & O.ACCMODE) !== O.RDONLY || (flags & O.TRUNC) !== 0;
  if (inode.isDirectory && (changes || flags & O.CREAT)) {
    return -Errno.EISDIR;
  }
  if (flags & O.NOATIME && !isOwner(inode, task.credentials)) {
    return -Errno.EPERM;
  }
  if (!mayAccess(inode, task.credentials, wantedAccess(flags))) {
    return -Errno.EACCES;
  }
  return changes && inode.isRegular && walk.mount.readOnly ? -Errno.EROFS : 0;
}

function wantedAccess(flags: number): number {
  const mode = flags & O.ACCMODE;
  const read = mode === O.WRONLY ? 0 : AccessMode.R_OK;
  const write = mode === O.RDONLY && (flags & O.TRUNC) === 0 ? 0 : AccessMode.W_OK;
  return read | write;
}

/** `scope`: flags of `Walk` that say where the path must not lead. */
export function openPath(
  task: Task,
  dirfd: number,
  address: number,
  wanted: number,
  mode: number,
  scope = 0,
): SyscallResult {
  const flags = wanted & O.PATH ? wanted & PATH_FLAGS : wanted;
  const path = readPath(task, address);
  if (typeof path === 'number') {
    return path;
  }
  if (flags & O.CREAT && flags & O.DIRECTORY) {
    return -Errno.EINVAL;
  }
  const file = openFile(task, dirfd, path, flags, mode, scope);
  if (typeof file === 'number') {
    return file;
  }
  if (!file.isPathOnly && file.location !== undefined) {
    file.flags |= O.LARGEFILE;
  }
  if (file.awaitsPeer) {
    return giveLater(task, file, flags);
  }
  return giveDescriptor(task, file, (flags & O.CLOEXEC) !== 0);
}

/** fifo(7): waits until the other end has been opened. */
async function giveLater(task: Task, file: OpenFile, flags: number): Promise<number> {
  while (file.awaitsPeer) {
    const error = await waitForFile(task, file, POLL_READABLE | POLL_WRITABLE);
    if (error < 0) {
      file.decRef();
      return error;
    }
  }
  return giveDescriptor(task, file, (flags & O.CLOEXEC) !== 0);
}

function sysOpen(task: Task, args: Registers): SyscallResult {
  return openPath(task, AT_FDCWD, args.argument(0), args.argumentInt(1), args.argumentUint(2));
}

function sysOpenat(task: Task, args: Registers): SyscallResult {
  return openPath(
    task,
    args.argumentInt(0),
    args.argument(1),
    args.argumentInt(2),
    args.argumentUint(3),
  );
}

function sysCreat(task: Task, args: Registers): SyscallResult {
  const flags = O.CREAT | O.WRONLY | O.TRUNC;
  return openPath(task, AT_FDCWD, args.argument(0), flags, args.argumentUint(1));
}

/** name_to_handle_at(2): file systems here give no handles. */
function sysNameToHandle(): number {
  return -Errno.EOPNOTSUPP;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 303,
    name: 'name_to_handle_at',
    handler: sysNameToHandle,
    args: ['dirfd', 'path', 'pointer', 'pointer', 'at-flags'],
    support: 'partial',
    missing: 'always EOPNOTSUPP, as on a file system without handles',
  },
  {
    number: 2,
    name: 'open',
    handler: sysOpen,
    args: ['path', 'open-flags', 'open-mode'],
    support: 'full',
  },
  { number: 85, name: 'creat', handler: sysCreat, args: ['path', 'mode'], support: 'full' },
  {
    number: 257,
    name: 'openat',
    handler: sysOpenat,
    args: ['dirfd', 'path', 'open-flags', 'open-mode'],
    support: 'full',
  },
];

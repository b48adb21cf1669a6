/** Path arguments: reading them, where they start, and what they lead to. */
import { Errno } from '../abi/errno.js';
import { AT_FDCWD, PATH_MAX } from '../abi/fcntl.js';
import { StatRecord } from '../abi/stat.js';
import type { Inode } from '../fs/inode.js';
import type { Location } from '../fs/location.js';
import { type PathWalk, Walk } from '../fs/path-walk.js';
import type { Task } from '../task/task.js';

/** For results that are used before anything else can run. */
export const scratchRecord = new StatRecord();

/** -EFAULT, -ENAMETOOLONG. An empty path is given as such. */
export function readPath(task: Task, address: number): string | number {
  return task.mm.readCString(address, PATH_MAX - 1);
}

/** Where a relative path starts. An absolute one does not mind what the descriptor is. */
export function startOf(task: Task, dirfd: number, path: string): Location | number {
  if (dirfd === AT_FDCWD || path.startsWith('/')) {
    return task.fsContext.cwd;
  }
  const file = task.files.get(dirfd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  const { location } = file;
  return location?.dentry.inode?.isDirectory ? location : -Errno.ENOTDIR;
}

/** Resolves `path`; the result is in the walk that is given back, until the next one. */
export function walkPath(
  task: Task,
  dirfd: number,
  path: string,
  flags: number,
): PathWalk | number {
  // Where the start is the root an absolute path begins there too.
  const start = startOf(task, dirfd, flags & Walk.StartIsRoot ? '' : path);
  if (typeof start === 'number') {
    return start;
  }
  const error = task.fsContext.resolve(task, path, flags, start);
  return error < 0 ? error : task.fsContext.walk;
}

/** Reads the path at `address` and resolves it. */
export function walkArgument(
  task: Task,
  dirfd: number,
  address: number,
  flags: number,
): PathWalk | number {
  const path = readPath(task, address);
  return typeof path === 'number' ? path : walkPath(task, dirfd, path, flags);
}

/** The host's object that a cached entry stands for is gone or another one. */
export function isStale(error: number): boolean {
  return error === -Errno.ESTALE || error === -Errno.ENOENT;
}

/**
 * As `walkPath`, for something that must be there, and looks at it: `record` is filled. An entry that the host
 * changed is looked up once more.
 */
export function statPath(
  task: Task,
  dirfd: number,
  path: string,
  flags: number,
  record: StatRecord,
): PathWalk | number {
  for (let attempt = 0; ; attempt++) {
    const walk = walkPath(task, dirfd, path, flags);
    if (typeof walk === 'number') {
      return walk;
    }
    const error = walk.file === undefined ? walk.inode.stat(record) : walk.file.stat(record);
    if (error === 0) {
      record.mountId = walk.mount.id;
      return walk;
    }
    if (attempt > 0 || !isStale(error) || !walk.forget()) {
      return error === -Errno.ESTALE ? -Errno.ENOENT : error;
    }
  }
}

/** The inode a path leads to, freshly looked at, or -errno. */
export function inodeOfPath(
  task: Task,
  dirfd: number,
  address: number,
  flags: number,
): Inode | number {
  const path = readPath(task, address);
  if (typeof path === 'number') {
    return path;
  }
  const walk = statPath(task, dirfd, path, flags, scratchRecord);
  if (typeof walk === 'number') {
    return walk;
  }
  return walk.file?.inode ?? (walk.file === undefined ? walk.inode : -Errno.EBADF);
}

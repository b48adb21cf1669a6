/** What the calls that change metadata act on: a path or a descriptor. */
import { Errno } from '../abi/errno.js';
import { At, AT_FDCWD } from '../abi/fcntl.js';
import type { AttributeChange, Inode } from '../fs/inode.js';
import { Inotify } from '../abi/inotify.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import type { Location } from '../fs/location.js';
import { Walk } from '../fs/path-walk.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { readPath, scratchRecord, statPath } from './path-argument.js';

/** Something whose metadata is to be changed. */
export interface Subject {
  readonly inode: Inode;
  /** Where it is; what has no name is nowhere. */
  readonly location: Location | undefined;
}

export function subjectAt(
  task: Task,
  dirfd: number,
  address: number,
  flags: number,
): Subject | number {
  const path = readPath(task, address);
  if (typeof path === 'number') {
    return path;
  }
  if (path === '' && flags & At.EMPTY_PATH) {
    return dirfd === AT_FDCWD ? cwdSubject(task) : subjectOf(task, dirfd, true);
  }
  const follow = flags & At.SYMLINK_NOFOLLOW ? 0 : Walk.Follow;
  const walk = statPath(task, dirfd, path, follow, scratchRecord);
  if (typeof walk === 'number') {
    return walk;
  }
  return walk.file === undefined ? { inode: walk.inode, location: walk.location } : -Errno.EPERM;
}

function cwdSubject(task: Task): Subject {
  const { cwd } = task.fsContext;
  return { inode: cwd.dentry.inode as Inode, location: cwd };
}

export function subjectOf(task: Task, fd: number, pathsToo = false): Subject | number {
  const file = pathsToo ? task.files.get(fd) : usableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  return file.inode === undefined ? -Errno.EPERM : { inode: file.inode, location: file.location };
}

/** A pipe, a socket, the host's terminal: undefined where the descriptor is of something else. */
export function changeNameless(
  task: Task,
  fd: number,
  change: AttributeChange,
): number | undefined {
  const file = usableFile(task, fd);
  return file?.inode === undefined ? file?.changeAttributes(change) : undefined;
}

export function apply({ inode, location }: Subject, change: AttributeChange): number {
  if (location?.mount.readOnly) {
    return -Errno.EROFS;
  }
  const result = inode.setAttributes(change);
  if (result === 0) {
    notifyPlace(location?.dentry, eventOf(change));
  }
  return result;
}

/** One of the two times alone passes for what usually changes it. */
function eventOf({ mode, uid, gid, atime, mtime }: AttributeChange): number {
  const timeOnly = mode === undefined && uid === undefined && gid === undefined;
  if (!timeOnly || (atime !== undefined && mtime !== undefined)) {
    return Inotify.ATTRIB;
  }
  return atime === undefined ? Inotify.MODIFY : Inotify.ACCESS;
}

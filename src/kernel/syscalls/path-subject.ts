/** What the calls that change metadata act on: a path or a descriptor. */
import { Errno } from '../abi/errno.js';
import { At, AT_FDCWD } from '../abi/fcntl.js';
import type { AttributeChange, Inode } from '../fs/inode.js';
import type { Mount } from '../fs/mount.js';
import { Walk } from '../fs/path-walk.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { readPath, scratchRecord, statPath } from './path-argument.js';

/** Something whose metadata is to be changed. */
export interface Subject {
  readonly inode: Inode;
  readonly mount: Mount | undefined;
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
  return walk.file === undefined ? { inode: walk.inode, mount: walk.mount } : -Errno.EPERM;
}

function cwdSubject(task: Task): Subject {
  const { dentry, mount } = task.fsContext.cwd;
  return { inode: dentry.inode as Inode, mount };
}

export function subjectOf(task: Task, fd: number, pathsToo = false): Subject | number {
  const file = pathsToo ? task.files.get(fd) : usableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  // What has no inode of ours, such as a pipe, has no metadata to keep.
  return file.inode === undefined
    ? -Errno.EPERM
    : { inode: file.inode, mount: file.location?.mount };
}

export function apply({ inode, mount }: Subject, change: AttributeChange): number {
  return mount?.readOnly ? -Errno.EROFS : inode.setAttributes(change);
}

/** Changing metadata: chmod(2), chown(2), utimensat(2), umask(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, At, AT_FDCWD } from '../abi/fcntl.js';
import { Mode, type Timespec } from '../abi/stat.js';
import type { AttributeChange, Inode } from '../fs/inode.js';
import type { Mount } from '../fs/mount.js';
import { Walk } from '../fs/path-walk.js';
import { isGroupMember, isOwner, mayAccess } from '../fs/permission.js';
import { now } from '../fs/time-stamp.js';
import type { Task } from '../task/task.js';
import { readLong } from '../time/timespec.js';
import { usableFile } from './file-descriptor-argument.js';
import { readPath, scratchRecord, statPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

const PERMISSIONS = 0o7777;
/** An id of -1 stays as it is. */
const KEEP_ID = 0xffffffff;

/** Something whose metadata is to be changed. */
interface Subject {
  readonly inode: Inode;
  readonly mount: Mount | undefined;
}

function subjectAt(task: Task, dirfd: number, address: number, flags: number): Subject | number {
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

function subjectOf(task: Task, fd: number, pathsToo = false): Subject | number {
  const file = pathsToo ? task.files.get(fd) : usableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  // What has no inode of ours, such as a pipe, has no metadata to keep.
  return file.inode === undefined
    ? -Errno.EPERM
    : { inode: file.inode, mount: file.location?.mount };
}

function apply({ inode, mount }: Subject, change: AttributeChange): number {
  return mount?.readOnly ? -Errno.EROFS : inode.setAttributes(change);
}

function chmod(task: Task, subject: Subject | number, mode: number): number {
  if (typeof subject === 'number') {
    return subject;
  }
  const { inode } = subject;
  if (inode.isSymlink) {
    return -Errno.EOPNOTSUPP;
  }
  if (!isOwner(inode, task.credentials)) {
    return -Errno.EPERM;
  }
  // Whoever does not belong to the group cannot give its rights away.
  const keepsGroup = isGroupMember(inode.gid, task.credentials) || inode.isDirectory;
  const allowed = keepsGroup ? mode : mode & ~Mode.S_ISGID;
  return apply(subject, { mode: allowed & PERMISSIONS });
}

function chown(task: Task, subject: Subject | number, uid: number, gid: number): number {
  if (typeof subject === 'number') {
    return subject;
  }
  const { inode } = subject;
  const { credentials } = task;
  const newUid = uid === KEEP_ID ? inode.uid : uid;
  const newGid = gid === KEEP_ID ? inode.gid : gid;
  const mayGroup = isOwner(inode, credentials) && isGroupMember(newGid, credentials);
  const allowed =
    credentials.fsuid === 0 ||
    (newUid === inode.uid && (newGid === inode.gid || mayGroup) && isOwner(inode, credentials));
  if (!allowed) {
    return -Errno.EPERM;
  }
  const cleared = inode.isDirectory ? inode.mode : inode.mode & ~(Mode.S_ISUID | setGid(inode));
  return apply(subject, {
    ...(uid === KEEP_ID ? {} : { uid }),
    ...(gid === KEEP_ID ? {} : { gid }),
    ...(cleared === inode.mode || inode.isSymlink ? {} : { mode: cleared & PERMISSIONS }),
  });
}

/** Without group execution the bit means mandatory locking, and stays (chown(2)). */
function setGid(inode: Inode): number {
  return inode.mode & 0o010 ? Mode.S_ISGID : 0;
}

const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;
const TIMESPEC_SIZE = 16;

/** One time of utimensat(2): `undefined` to leave it, -EINVAL where it is none. */
function decodeTime(bytes: Buffer, at: number): Timespec | undefined | number {
  const nanoseconds = readLong(bytes, at + 8);
  if (nanoseconds === UTIME_OMIT) {
    return undefined;
  }
  if (nanoseconds === UTIME_NOW) {
    return now();
  }
  const valid = nanoseconds >= 0 && nanoseconds < 1e9;
  return valid ? { seconds: readLong(bytes, at), nanoseconds } : -Errno.EINVAL;
}

interface Times {
  readonly atime: Timespec | undefined;
  readonly mtime: Timespec | undefined;
  /** Only the present time is set: write permission is enough. */
  readonly isNow: boolean;
}

function currentTimes(): Times {
  const time = now();
  return { atime: time, mtime: time, isNow: true };
}

function readTimes(task: Task, address: number): Times | number {
  if (address === 0) {
    return currentTimes();
  }
  const bytes = Buffer.alloc(2 * TIMESPEC_SIZE);
  if (task.mm.copyIn(address, bytes) < bytes.length) {
    return -Errno.EFAULT;
  }
  const atime = decodeTime(bytes, 0);
  const mtime = decodeTime(bytes, TIMESPEC_SIZE);
  if (typeof atime === 'number' || typeof mtime === 'number') {
    return -Errno.EINVAL;
  }
  const isNow = [8, 24].every((at) => readLong(bytes, at) === UTIME_NOW);
  return { atime, mtime, isNow };
}

function setTimes(task: Task, subject: Subject | number, times: Times | number): number {
  if (typeof times === 'number') {
    return times;
  }
  if (typeof subject === 'number') {
    return subject;
  }
  const { atime, mtime, isNow } = times;
  if (atime === undefined && mtime === undefined) {
    return 0;
  }
  const { inode } = subject;
  const { credentials } = task;
  if (!isOwner(inode, credentials)) {
    const mayWrite = isNow && mayAccess(inode, credentials, AccessMode.W_OK);
    if (!mayWrite) {
      return isNow ? -Errno.EACCES : -Errno.EPERM;
    }
  }
  return apply(subject, {
    ...(atime === undefined ? {} : { atime }),
    ...(mtime === undefined ? {} : { mtime }),
  });
}

function sysUtimensat(task: Task, args: Registers): number {
  const flags = args.argumentInt(3);
  if (flags & ~(At.SYMLINK_NOFOLLOW | At.EMPTY_PATH)) {
    return -Errno.EINVAL;
  }
  const times = readTimes(task, args.argument(2));
  const [dirfd, address] = [args.argumentInt(0), args.argument(1)];
  const subject =
    address === 0 && dirfd !== AT_FDCWD
      ? subjectOf(task, dirfd)
      : subjectAt(task, dirfd, address, flags);
  return setTimes(task, subject, times);
}

/** Times of `size` bytes each: a whole second, or one with microseconds. */
function readOldTimes(task: Task, address: number, isTimeval: boolean): Times | number {
  if (address === 0) {
    return currentTimes();
  }
  const step = isTimeval ? 16 : 8;
  const bytes = Buffer.alloc(2 * step);
  if (task.mm.copyIn(address, bytes) < bytes.length) {
    return -Errno.EFAULT;
  }
  const [atime, mtime] = [0, step].map((at) => {
    const microseconds = isTimeval ? readLong(bytes, at + 8) : 0;
    return { seconds: readLong(bytes, at), nanoseconds: microseconds * 1000 };
  });
  const valid = [atime, mtime].every(
    (time) => time !== undefined && time.nanoseconds >= 0 && time.nanoseconds < 1e9,
  );
  return valid ? { atime, mtime, isNow: false } : -Errno.EINVAL;
}

function sysUtime(task: Task, args: Registers): number {
  const times = readOldTimes(task, args.argument(1), false);
  return setTimes(task, subjectAt(task, AT_FDCWD, args.argument(0), 0), times);
}

function sysUtimes(task: Task, args: Registers): number {
  const times = readOldTimes(task, args.argument(1), true);
  return setTimes(task, subjectAt(task, AT_FDCWD, args.argument(0), 0), times);
}

function sysFutimesat(task: Task, args: Registers): number {
  const times = readOldTimes(task, args.argument(2), true);
  return setTimes(task, subjectAt(task, args.argumentInt(0), args.argument(1), 0), times);
}

function sysChmod(task: Task, args: Registers): number {
  return chmod(task, subjectAt(task, AT_FDCWD, args.argument(0), 0), args.argumentUint(1));
}

function sysFchmod(task: Task, args: Registers): number {
  return chmod(task, subjectOf(task, args.argumentInt(0)), args.argumentUint(1));
}

function sysFchmodat(task: Task, args: Registers): number {
  const subject = subjectAt(task, args.argumentInt(0), args.argument(1), 0);
  return chmod(task, subject, args.argumentUint(2));
}

function sysFchmodat2(task: Task, args: Registers): number {
  const flags = args.argumentInt(3);
  if (flags & ~(At.SYMLINK_NOFOLLOW | At.EMPTY_PATH)) {
    return -Errno.EINVAL;
  }
  const subject = subjectAt(task, args.argumentInt(0), args.argument(1), flags);
  return chmod(task, subject, args.argumentUint(2));
}

function chownPath(task: Task, args: Registers, flags: number): number {
  const subject = subjectAt(task, AT_FDCWD, args.argument(0), flags);
  return chown(task, subject, args.argumentUint(1), args.argumentUint(2));
}

function sysChown(task: Task, args: Registers): number {
  return chownPath(task, args, 0);
}

function sysLchown(task: Task, args: Registers): number {
  return chownPath(task, args, At.SYMLINK_NOFOLLOW);
}

function sysFchown(task: Task, args: Registers): number {
  const subject = subjectOf(task, args.argumentInt(0));
  return chown(task, subject, args.argumentUint(1), args.argumentUint(2));
}

function sysFchownat(task: Task, args: Registers): number {
  const flags = args.argumentInt(4);
  if (flags & ~(At.SYMLINK_NOFOLLOW | At.EMPTY_PATH)) {
    return -Errno.EINVAL;
  }
  const subject = subjectAt(task, args.argumentInt(0), args.argument(1), flags);
  return chown(task, subject, args.argumentUint(2), args.argumentUint(3));
}

function sysUmask(task: Task, args: Registers): number {
  const before = task.fsContext.umask;
  task.fsContext.umask = args.argumentUint(0) & 0o777;
  return before;
}

export const rows: readonly SyscallRow[] = [
  { number: 90, name: 'chmod', handler: sysChmod, args: ['path', 'mode'], support: 'full' },
  { number: 91, name: 'fchmod', handler: sysFchmod, args: ['fd', 'mode'], support: 'full' },
  {
    number: 268,
    name: 'fchmodat',
    handler: sysFchmodat,
    args: ['dirfd', 'path', 'mode'],
    support: 'full',
  },
  {
    number: 452,
    name: 'fchmodat2',
    handler: sysFchmodat2,
    args: ['dirfd', 'path', 'mode', 'at-flags'],
    support: 'full',
  },
  { number: 92, name: 'chown', handler: sysChown, args: ['path', 'int', 'int'], support: 'full' },
  { number: 93, name: 'fchown', handler: sysFchown, args: ['fd', 'int', 'int'], support: 'full' },
  { number: 94, name: 'lchown', handler: sysLchown, args: ['path', 'int', 'int'], support: 'full' },
  {
    number: 260,
    name: 'fchownat',
    handler: sysFchownat,
    args: ['dirfd', 'path', 'int', 'int', 'at-flags'],
    support: 'full',
  },
  { number: 95, name: 'umask', handler: sysUmask, args: ['mode'], support: 'full' },
  { number: 132, name: 'utime', handler: sysUtime, args: ['path', 'pointer'], support: 'full' },
  { number: 235, name: 'utimes', handler: sysUtimes, args: ['path', 'pointer'], support: 'full' },
  {
    number: 261,
    name: 'futimesat',
    handler: sysFutimesat,
    args: ['dirfd', 'path', 'pointer'],
    support: 'full',
  },
  {
    number: 280,
    name: 'utimensat',
    handler: sysUtimensat,
    args: ['dirfd', 'path', 'pointer', 'at-flags'],
    support: 'full',
  },
];

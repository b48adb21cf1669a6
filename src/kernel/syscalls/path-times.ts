/** Changing timestamps: utimensat(2), utime(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, At, AT_FDCWD } from '../abi/fcntl.js';
import type { Timespec } from '../abi/stat.js';
import type { AttributeChange } from '../fs/inode.js';
import { isOwner, mayAccess } from '../fs/permission.js';
import { now } from '../fs/time-stamp.js';
import type { Task } from '../task/task.js';
import { readLong } from '../time/timespec.js';
import { apply, changeNameless, type Subject, subjectAt, subjectOf } from './path-subject.js';
import type { SyscallRow } from './row.js';

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
  return apply(subject, changeOf(times));
}

function changeOf({ atime, mtime }: Times): AttributeChange {
  return {
    ...(atime === undefined ? {} : { atime }),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

function sysUtimensat(task: Task, args: Registers): number {
  const flags = args.argumentInt(3);
  if (flags & ~(At.SYMLINK_NOFOLLOW | At.EMPTY_PATH)) {
    return -Errno.EINVAL;
  }
  const times = readTimes(task, args.argument(2));
  const [dirfd, address] = [args.argumentInt(0), args.argument(1)];
  if (address !== 0 || dirfd === AT_FDCWD) {
    return setTimes(task, subjectAt(task, dirfd, address, flags), times);
  }
  const changed =
    typeof times === 'number' ? undefined : changeNameless(task, dirfd, changeOf(times));
  return changed ?? setTimes(task, subjectOf(task, dirfd), times);
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

export const rows: readonly SyscallRow[] = [
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
    args: ['dirfd', 'path', 'file-times', 'at-flags'],
    support: 'full',
  },
];

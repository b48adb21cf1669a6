/** Changing metadata: chmod(2), chown(2), umask(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { At, AT_FDCWD } from '../abi/fcntl.js';
import { Mode } from '../abi/stat.js';
import type { Inode } from '../fs/inode.js';
import { isGroupMember, isOwner } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { apply, changeNameless, type Subject, subjectAt, subjectOf } from './path-subject.js';
import type { SyscallRow } from './row.js';

const PERMISSIONS = 0o7777;
/** An id of -1 stays as it is. */
const KEEP_ID = 0xffffffff;

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

function sysChmod(task: Task, args: Registers): number {
  return chmod(task, subjectAt(task, AT_FDCWD, args.argument(0), 0), args.argumentUint(1));
}

function sysFchmod(task: Task, args: Registers): number {
  const mode = args.argumentUint(1) & PERMISSIONS;
  const changed = changeNameless(task, args.argumentInt(0), { mode });
  return changed ?? chmod(task, subjectOf(task, args.argumentInt(0)), mode);
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
  const [fd, uid, gid] = [args.argumentInt(0), args.argumentUint(1), args.argumentUint(2)];
  const changed = changeNameless(task, fd, {
    ...(uid === KEEP_ID ? {} : { uid }),
    ...(gid === KEEP_ID ? {} : { gid }),
  });
  const subject = subjectOf(task, fd);
  return changed ?? chown(task, subject, uid, gid);
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
  { number: 95, name: 'umask', handler: sysUmask, args: ['mode'], result: 'mode', support: 'full' },
];

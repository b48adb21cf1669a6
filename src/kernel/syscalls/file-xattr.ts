/** Extended attributes, xattr(7): any can be read, those of users changed. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, At, AT_FDCWD } from '../abi/fcntl.js';
import { Inotify } from '../abi/inotify.js';
import type { Inode } from '../fs/inode.js';
import { notifyPlace } from '../fs/inotify/notify.js';
import type { Mount } from '../fs/mount.js';
import { Walk } from '../fs/path-walk.js';
import { mayAccess } from '../fs/permission.js';
import { EMPTY_XATTRS, type Xattrs } from '../fs/xattrs.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { inodeOfPath } from './path-argument.js';
import { type Subject, subjectAt, subjectOf } from './path-subject.js';
import type { SyscallRow } from './row.js';

const NAME_MAX = 255;
/** XATTR_SIZE_MAX and XATTR_LIST_MAX */
const SIZE_MAX = 65536;

type Source = (task: Task, args: Registers) => Xattrs | number;

const atPath: Source = (task, args) => xattrsOf(task, args.argument(0), Walk.Follow);
const atLink: Source = (task, args) => xattrsOf(task, args.argument(0), 0);
const atDescriptor: Source = (task, args) => {
  const file = usableFile(task, args.argumentInt(0));
  return file === undefined ? -Errno.EBADF : (file.inode?.xattrs ?? EMPTY_XATTRS);
};

function xattrsOf(task: Task, address: number, follow: number): Xattrs | number {
  const inode = inodeOfPath(task, AT_FDCWD, address, follow);
  return typeof inode === 'number' ? inode : inode.xattrs;
}

const buffer = new Uint8Array(SIZE_MAX);

/** Gives what `fill` writes into a buffer to the guest: its length, which is all that a size of 0 asks for. */
function give(
  task: Task,
  address: number,
  size: number,
  fill: (out: Uint8Array) => number,
): number {
  const length = fill(buffer.subarray(0, Math.min(size, SIZE_MAX)));
  if (length <= 0 || size === 0) {
    return length;
  }
  const bytes = buffer.subarray(0, length);
  return task.mm.copyOut(address, bytes) < length ? -Errno.EFAULT : length;
}

function readName(task: Task, address: number): string | number {
  const name = task.mm.readCString(address, NAME_MAX);
  if (typeof name === 'number') {
    return name === -Errno.ENAMETOOLONG ? -Errno.ERANGE : name;
  }
  return name === '' ? -Errno.ERANGE : name;
}

function getxattr(source: Source) {
  return (task: Task, args: Registers): number => {
    const name = readName(task, args.argument(1));
    if (typeof name === 'number') {
      return name;
    }
    const xattrs = source(task, args);
    return typeof xattrs === 'number'
      ? xattrs
      : give(task, args.argument(2), args.argument(3), (out) => xattrs.get(name, out));
  };
}

function listxattr(source: Source) {
  return (task: Task, args: Registers): number => {
    const xattrs = source(task, args);
    return typeof xattrs === 'number'
      ? xattrs
      : give(task, args.argument(1), args.argument(2), (out) => xattrs.list(out));
  };
}

const USER = 'user.';
const XATTR_FLAGS = 3;

/** Only regular files and directories have attributes of their users' own. 0 or -errno. */
function checkChange(task: Task, inode: Inode, mount: Mount | undefined, name: string): number {
  if (mount?.readOnly) {
    return -Errno.EROFS;
  }
  if (!name.startsWith(USER) || name === USER) {
    return name === USER ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
  }
  if (!inode.isRegular && !inode.isDirectory) {
    return -Errno.EPERM;
  }
  return mayAccess(inode, task.credentials, AccessMode.W_OK) ? 0 : -Errno.EACCES;
}

type Change = (inode: Inode, name: string) => number;

/** Changes an attribute, whose name is the second argument. */
function change(task: Task, args: Registers, subject: Subject | number, act: Change): number {
  const name = readName(task, args.argument(1));
  if (typeof name === 'number' || typeof subject === 'number') {
    return typeof name === 'number' ? name : (subject as number);
  }
  const { inode, location } = subject;
  const error = checkChange(task, inode, location?.mount, name);
  if (error < 0) {
    return error;
  }
  const result = act(inode, name);
  if (result === 0) {
    notifyPlace(location?.dentry, Inotify.ATTRIB);
  }
  return result;
}

function setxattr(subjectFor: SubjectSource) {
  return (task: Task, args: Registers): number => {
    const [size, flags] = [args.argument(3), args.argumentInt(4)];
    if (flags & ~XATTR_FLAGS) {
      return -Errno.EINVAL;
    }
    if (size > SIZE_MAX) {
      return -Errno.E2BIG;
    }
    const value = buffer.subarray(0, size);
    if (size > 0 && !task.mm.read(args.argument(2), value)) {
      return -Errno.EFAULT;
    }
    const copy = value.slice();
    return change(task, args, subjectFor(task, args), (inode, name) =>
      inode.xattrs.set(name, copy, flags),
    );
  };
}

function removexattr(subjectFor: SubjectSource) {
  return (task: Task, args: Registers): number =>
    change(task, args, subjectFor(task, args), (inode, name) => inode.xattrs.remove(name));
}

type SubjectSource = (task: Task, args: Registers) => Subject | number;

const subjectAtPath: SubjectSource = (task, args) => subjectAt(task, AT_FDCWD, args.argument(0), 0);
const subjectAtLink: SubjectSource = (task, args) =>
  subjectAt(task, AT_FDCWD, args.argument(0), At.SYMLINK_NOFOLLOW);
const subjectAtDescriptor: SubjectSource = (task, args) => subjectOf(task, args.argumentInt(0));

const USER_ONLY = "namespaces other than 'user.' cannot be changed";
const GET_ARGS = ['path', 'path', 'pointer', 'size'] as const;
const LIST_ARGS = ['path', 'pointer', 'size'] as const;

export const rows: readonly SyscallRow[] = [
  { number: 191, name: 'getxattr', handler: getxattr(atPath), args: GET_ARGS, support: 'full' },
  { number: 192, name: 'lgetxattr', handler: getxattr(atLink), args: GET_ARGS, support: 'full' },
  {
    number: 193,
    name: 'fgetxattr',
    handler: getxattr(atDescriptor),
    args: ['fd', 'path', 'pointer', 'size'],
    support: 'full',
  },
  { number: 194, name: 'listxattr', handler: listxattr(atPath), args: LIST_ARGS, support: 'full' },
  {
    number: 195,
    name: 'llistxattr',
    handler: listxattr(atLink),
    args: LIST_ARGS,
    support: 'full',
  },
  {
    number: 196,
    name: 'flistxattr',
    handler: listxattr(atDescriptor),
    args: ['fd', 'pointer', 'size'],
    support: 'full',
  },
  ...(
    [
      [188, 'setxattr', subjectAtPath],
      [189, 'lsetxattr', subjectAtLink],
      [190, 'fsetxattr', subjectAtDescriptor],
    ] as const
  ).map(([number, name, source]): SyscallRow => ({
    number,
    name,
    handler: setxattr(source),
    args: [source === subjectAtDescriptor ? 'fd' : 'path', 'path', 'buffer-in', 'size', 'int'],
    support: 'partial',
    missing: USER_ONLY,
  })),
  ...(
    [
      [197, 'removexattr', subjectAtPath],
      [198, 'lremovexattr', subjectAtLink],
      [199, 'fremovexattr', subjectAtDescriptor],
    ] as const
  ).map(([number, name, source]): SyscallRow => ({
    number,
    name,
    handler: removexattr(source),
    args: [source === subjectAtDescriptor ? 'fd' : 'path', 'path'],
    support: 'partial',
    missing: USER_ONLY,
  })),
];

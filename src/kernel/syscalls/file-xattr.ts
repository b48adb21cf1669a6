/** Extended attributes, xattr(7): those that host files have can be read. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AT_FDCWD } from '../abi/fcntl.js';
import type { Inode } from '../fs/inode.js';
import { Walk } from '../fs/path-walk.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { inodeOfPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

const NAME_MAX = 255;
/** XATTR_SIZE_MAX and XATTR_LIST_MAX */
const SIZE_MAX = 65536;

type Source = (task: Task, args: Registers) => Inode | number;

const atPath: Source = (task, args) => inodeOfPath(task, AT_FDCWD, args.argument(0), Walk.Follow);
const atLink: Source = (task, args) => inodeOfPath(task, AT_FDCWD, args.argument(0), 0);
const atDescriptor: Source = (task, args) => {
  const file = usableFile(task, args.argumentInt(0));
  return file === undefined ? -Errno.EBADF : (file.inode ?? -Errno.EOPNOTSUPP);
};

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

function getxattr(source: Source) {
  return (task: Task, args: Registers): number => {
    const name = task.mm.readCString(args.argument(1), NAME_MAX);
    if (typeof name === 'number') {
      return name === -Errno.ENAMETOOLONG ? -Errno.ERANGE : name;
    }
    if (name === '') {
      return -Errno.ERANGE;
    }
    const inode = source(task, args);
    return typeof inode === 'number'
      ? inode
      : give(task, args.argument(2), args.argument(3), (out) => inode.getXattr(name, out));
  };
}

function listxattr(source: Source) {
  return (task: Task, args: Registers): number => {
    const inode = source(task, args);
    return typeof inode === 'number'
      ? inode
      : give(task, args.argument(1), args.argument(2), (out) => inode.listXattr(out));
  };
}

/** There is no place to keep them. */
function change(source: Source) {
  return (task: Task, args: Registers): number => {
    const inode = source(task, args);
    return typeof inode === 'number' ? inode : -Errno.EOPNOTSUPP;
  };
}

const READ_ONLY = 'attributes cannot be changed';
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
      [188, 'setxattr', atPath],
      [189, 'lsetxattr', atLink],
      [190, 'fsetxattr', atDescriptor],
      [197, 'removexattr', atPath],
      [198, 'lremovexattr', atLink],
      [199, 'fremovexattr', atDescriptor],
    ] as const
  ).map(([number, name, source]): SyscallRow => ({
    number,
    name,
    handler: change(source),
    args: [source === atDescriptor ? 'fd' : 'path', 'path'],
    support: 'partial',
    missing: READ_ONLY,
  })),
];

/** Watching files: inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AccessMode, AT_FDCWD, O } from '../abi/fcntl.js';
import { Inotify, WatchFlag } from '../abi/inotify.js';
import { InotifyFile } from '../fs/inotify/inotify-file.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import { Walk } from '../fs/path-walk.js';
import { mayAccess } from '../fs/permission.js';
import type { Task } from '../task/task.js';
import { giveDescriptor, usableFile } from './file-descriptor-argument.js';
import { readPath, scratchRecord, statPath } from './path-argument.js';
import type { SyscallRow } from './row.js';

function init(task: Task, flags: number): number {
  if (flags & ~(O.CLOEXEC | O.NONBLOCK)) {
    return -Errno.EINVAL;
  }
  const file = new InotifyFile(flags & O.NONBLOCK, KernelMemory.of(task.kernel.memory));
  return giveDescriptor(task, file, (flags & O.CLOEXEC) !== 0);
}

function sysInotifyInit(task: Task): number {
  return init(task, 0);
}

function sysInotifyInit1(task: Task, args: Registers): number {
  return init(task, args.argumentInt(0));
}

function instanceAt(task: Task, fd: number): InotifyFile | number {
  const file = usableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  return file instanceof InotifyFile ? file : -Errno.EINVAL;
}

function sysAddWatch(task: Task, args: Registers): number {
  const mask = args.argumentInt(2);
  const exclusive = WatchFlag.MASK_ADD | WatchFlag.MASK_CREATE;
  if ((mask & Inotify.ALL_EVENTS) === 0 || (mask & exclusive) === exclusive) {
    return -Errno.EINVAL;
  }
  const instance = instanceAt(task, args.argumentInt(0));
  if (typeof instance === 'number') {
    return instance;
  }
  const path = readPath(task, args.argument(1));
  if (typeof path === 'number') {
    return path;
  }
  const follow = mask & WatchFlag.DONT_FOLLOW ? 0 : Walk.Follow;
  const walk = statPath(task, AT_FDCWD, path, follow, scratchRecord);
  if (typeof walk === 'number') {
    return walk;
  }
  if (walk.file !== undefined) {
    // A pipe or the like, by /proc/PID/fd: nothing is told of those.
    return -Errno.EINVAL;
  }
  const { inode } = walk;
  if (mask & WatchFlag.ONLYDIR && !inode.isDirectory) {
    return -Errno.ENOTDIR;
  }
  return mayAccess(inode, task.credentials, AccessMode.R_OK)
    ? instance.add(inode, walk.location, mask)
    : -Errno.EACCES;
}

function sysRemoveWatch(task: Task, args: Registers): number {
  const instance = instanceAt(task, args.argumentInt(0));
  return typeof instance === 'number' ? instance : instance.remove(args.argumentInt(1));
}

const OUTSIDE = 'what the host or another sandbox does to a shared folder; execve(2)';

export const rows: readonly SyscallRow[] = [
  {
    number: 253,
    name: 'inotify_init',
    handler: sysInotifyInit,
    args: [],
    support: 'partial',
    missing: OUTSIDE,
  },
  {
    number: 294,
    name: 'inotify_init1',
    handler: sysInotifyInit1,
    args: ['inotify-flags'],
    support: 'partial',
    missing: OUTSIDE,
  },
  {
    number: 254,
    name: 'inotify_add_watch',
    handler: sysAddWatch,
    args: ['fd', 'path', 'inotify-mask'],
    support: 'full',
  },
  {
    number: 255,
    name: 'inotify_rm_watch',
    handler: sysRemoveWatch,
    args: ['fd', 'int'],
    support: 'full',
  },
];

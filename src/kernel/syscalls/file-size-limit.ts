/** RLIMIT_FSIZE: how large a process may make a regular file, setrlimit(2). */
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Signo } from '../abi/signal.js';
import type { Inode } from '../fs/inode.js';
import type { OpenFile } from '../fs/open-file.js';
import { RegularInode } from '../fs/regular-inode.js';
import { Rlimit } from '../task/resource-limits.js';
import type { Task } from '../task/task.js';

function limitOf(task: Task): number {
  return task.process.limits.soft(Rlimit.Fsize);
}

function refuse(task: Task): number {
  task.sendSignal(Signo.SIGXFSZ);
  return -Errno.EFBIG;
}

/** How many of `length` bytes may be written at `offset`, or at the file's position where that is negative. */
export function writableLength(task: Task, file: OpenFile, length: number, offset: number): number {
  const limit = limitOf(task);
  if (limit === Infinity || !(file.inode instanceof RegularInode)) {
    return length;
  }
  const position = offset < 0 ? file.position : offset;
  const start = file.flags & O.APPEND ? file.inode.size : position;
  return start >= limit && length > 0 ? refuse(task) : Math.min(length, limit - start);
}

/** 0, or -EFBIG where a file would grow beyond the limit. */
export function checkNewSize(task: Task, inode: Inode | undefined, size: number): number {
  const grows = inode instanceof RegularInode && size > inode.size;
  return grows && size > limitOf(task) ? refuse(task) : 0;
}

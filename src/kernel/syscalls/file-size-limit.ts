/** RLIMIT_FSIZE: how large a process may make a regular file, setrlimit(2). */
import { Errno } from '../abi/errno.js';
import { O, Whence } from '../abi/fcntl.js';
import { Signo } from '../abi/signal.js';
import { StatRecord } from '../abi/stat.js';
import { HostStdio } from '../fs/host-stdio.js';
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

/** Where a write begins; undefined where no file grows by it. */
function startOf(file: OpenFile, offset: number): number | undefined {
  const appends = (file.flags & O.APPEND) !== 0;
  const { inode } = file;
  if (inode instanceof RegularInode) {
    return appends ? inode.size : offset < 0 ? file.position : offset;
  }
  if (!(file instanceof HostStdio && file.seekable)) {
    return undefined;
  }
  if (!appends) {
    return offset < 0 ? file.seek(0, Whence.CUR) : offset;
  }
  const record = new StatRecord();
  return file.stat(record) < 0 ? undefined : record.size;
}

/** How many of `length` bytes may be written at `offset`, or at the file's position where that is negative. */
export function writableLength(task: Task, file: OpenFile, length: number, offset: number): number {
  const limit = limitOf(task);
  const start = limit === Infinity ? undefined : startOf(file, offset);
  if (start === undefined) {
    return length;
  }
  return start >= limit && length > 0 ? refuse(task) : Math.min(length, limit - start);
}

/** 0, or -EFBIG where a file would grow beyond the limit. */
export function checkNewSize(task: Task, inode: Inode | undefined, size: number): number {
  const grows = inode instanceof RegularInode && size > inode.size;
  return grows && size > limitOf(task) ? refuse(task) : 0;
}

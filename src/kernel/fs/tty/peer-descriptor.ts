/** A descriptor as the result of ioctl(2), TIOCGPTPEER. */
import { O } from '../../abi/fcntl.js';
import { Rlimit } from '../../task/resource-limits.js';
import type { Task } from '../../task/task.js';
import type { OpenFile } from '../open-file.js';

export function giveDescriptorOf(
  task: Task,
  flags: number,
  open: (flags: number) => OpenFile | number,
): number {
  const file = open(flags);
  if (typeof file === 'number') {
    return file;
  }
  const limit = task.process.limits.soft(Rlimit.Nofile);
  const fd = task.files.allocate(file, (flags & O.CLOEXEC) !== 0, 0, limit);
  if (fd < 0) {
    file.decRef();
  }
  return fd;
}

/** Descriptor arguments. */
import { Errno } from '../abi/errno.js';
import type { OpenFile } from '../fs/open-file.js';
import { Rlimit } from '../task/resource-limits.js';
import type { Task } from '../task/task.js';

/** RLIMIT_NOFILE */
export function descriptorLimit(task: Task): number {
  return task.process.limits.soft(Rlimit.Nofile);
}

/** The file under `fd`, unless it is open as a mere place (O_PATH). */
export function usableFile(task: Task, fd: number): OpenFile | undefined {
  const file = task.files.get(fd);
  return file?.isPathOnly ? undefined : file;
}

/** The lowest descriptor for `file`, whose reference it takes; it is closed where there is none. */
export function giveDescriptor(task: Task, file: OpenFile, closeOnExec: boolean): number {
  const fd = task.files.allocate(file, closeOnExec, 0, descriptorLimit(task));
  if (fd < 0) {
    file.decRef();
  }
  return fd;
}

/** Two descriptors at once, written to `address` as two ints. */
export function givePair(
  task: Task,
  address: number,
  pair: readonly [OpenFile, OpenFile],
  closeOnExec: boolean,
): number {
  const first = giveDescriptor(task, pair[0], closeOnExec);
  const second = first < 0 ? first : giveDescriptor(task, pair[1], closeOnExec);
  if (second < 0) {
    if (first >= 0) {
      task.files.close(first);
    } else {
      pair[1].decRef();
    }
    return second;
  }
  const bytes = new Int32Array([first, second]);
  const error = task.mm.copyOut(address, new Uint8Array(bytes.buffer)) < 8 ? -Errno.EFAULT : 0;
  if (error < 0) {
    task.files.close(first);
    task.files.close(second);
  }
  return error;
}

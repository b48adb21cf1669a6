/** ioctl(2): requests that every descriptor knows, and those of the file. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Ioctl } from '../abi/termios.js';
import type { OpenFile } from '../fs/open-file.js';
import { PipeFile } from '../fs/pipe.js';
import { RegularInode } from '../fs/regular-inode.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import { setStatusFlags } from './file-signals.js';
import type { SyscallRow } from './row.js';

const INT_SIZE = 4;

function giveInt(task: Task, address: number, value: number): number {
  const bytes = Buffer.alloc(INT_SIZE);
  bytes.writeInt32LE(Math.min(value, 0x7fffffff));
  return task.mm.copyOut(address, bytes) < INT_SIZE ? -Errno.EFAULT : 0;
}

function setFlag(task: Task, fd: number, file: OpenFile, address: number, flag: number): number {
  const bytes = Buffer.alloc(INT_SIZE);
  if (task.mm.copyIn(address, bytes) < INT_SIZE) {
    return -Errno.EFAULT;
  }
  const on = bytes.readInt32LE() !== 0;
  return setStatusFlags(task, fd, file, on ? file.flags | flag : file.flags & ~flag);
}

/** FIONREAD: bytes that can be read at once. */
function available(file: OpenFile): number | undefined {
  if (file instanceof PipeFile) {
    return file.available;
  }
  return file.inode instanceof RegularInode
    ? Math.max(0, file.inode.size - file.position)
    : undefined;
}

function sysIoctl(task: Task, args: Registers): number {
  const fd = args.argumentInt(0);
  const request = args.argumentUint(1);
  const argument = args.argument(2);
  const file = usableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  switch (request) {
    case Ioctl.FIOCLEX:
    case Ioctl.FIONCLEX:
      task.files.setCloseOnExec(fd, request === Ioctl.FIOCLEX);
      return 0;
    case Ioctl.FIONBIO:
      return setFlag(task, fd, file, argument, O.NONBLOCK);
    case Ioctl.FIOASYNC:
      return file.signalsReadiness ? setFlag(task, fd, file, argument, O.ASYNC) : -Errno.ENOTTY;
    case Ioctl.FIONREAD: {
      const count = available(file);
      return count === undefined
        ? file.ioctl(task, request, argument)
        : giveInt(task, argument, count);
    }
    default:
      return file.ioctl(task, request, argument);
  }
}

export const rows: readonly SyscallRow[] = [
  {
    number: 16,
    name: 'ioctl',
    handler: sysIoctl,
    args: ['fd', 'ioctl', 'ioctl-argument'],
    support: 'partial',
    missing: 'requests other than those of terminals and FIONREAD, FIONBIO, FIOASYNC, FIOCLEX',
  },
];

/** Terminal requests on a host terminal (ioctl_tty(2)). */
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { Ioctl, TERMIOS2_SIZE, TERMIOS_SIZE, WINSIZE_SIZE } from '../abi/termios.js';
import type { Task } from '../task/task.js';
import type { HostStdio } from './host-stdio.js';

/** Bytes that the request gives. */
const GETS = new Map<number, number>([
  [Ioctl.TCGETS, TERMIOS_SIZE],
  [Ioctl.TCGETS2, TERMIOS2_SIZE],
  [Ioctl.TIOCGWINSZ, WINSIZE_SIZE],
  [Ioctl.TIOCOUTQ, 4],
  [Ioctl.FIONREAD, 4],
]);

/** Bytes that the request takes. */
const SETS = new Map<number, number>([
  [Ioctl.TCSETS, TERMIOS_SIZE],
  [Ioctl.TCSETSW, TERMIOS_SIZE],
  [Ioctl.TCSETSF, TERMIOS_SIZE],
  [Ioctl.TCSETS2, TERMIOS2_SIZE],
  [Ioctl.TCSETSW2, TERMIOS2_SIZE],
  [Ioctl.TCSETSF2, TERMIOS2_SIZE],
  [Ioctl.TIOCSWINSZ, WINSIZE_SIZE],
]);

/** Requests whose argument is a number. */
const PLAIN = new Set<number>([Ioctl.TCSBRK, Ioctl.TCSBRKP, Ioctl.TCXONC, Ioctl.TCFLSH]);

/** Foreground process groups that the guest set, in its own numbers; the host's are not the guest's business. */
let foregroundGroup = 0;

export function hostTerminalIoctl(
  file: HostStdio,
  task: Task,
  request: number,
  argument: number,
): number {
  const bytesOut = GETS.get(request);
  if (bytesOut !== undefined) {
    const bytes = new Uint8Array(bytesOut);
    const error = hostFiles.ioctlFd(file.hostFd, request, bytes);
    return error < 0 ? error : give(task, argument, bytes);
  }
  if (!file.isTerminal) {
    return -Errno.ENOTTY;
  }
  const bytesIn = SETS.get(request);
  if (bytesIn !== undefined) {
    const bytes = new Uint8Array(bytesIn);
    const copied = task.mm.copyIn(argument, bytes);
    return copied < bytesIn ? -Errno.EFAULT : hostFiles.ioctlFd(file.hostFd, request, bytes);
  }
  if (PLAIN.has(request)) {
    return hostFiles.ioctlFd(file.hostFd, request, argument | 0);
  }
  return jobControl(task, request, argument);
}

function jobControl(task: Task, request: number, argument: number): number {
  const { process } = task;
  switch (request) {
    case Ioctl.TIOCGPGRP:
      return give(task, argument, int(foregroundGroup || process.processGroup));
    case Ioctl.TIOCGSID:
      return give(task, argument, int(process.session));
    case Ioctl.TIOCSPGRP: {
      const bytes = new Uint8Array(4);
      if (task.mm.copyIn(argument, bytes) < bytes.length) {
        return -Errno.EFAULT;
      }
      const group = new DataView(bytes.buffer).getInt32(0, true);
      if (group < 0) {
        return -Errno.EINVAL;
      }
      foregroundGroup = group;
      return 0;
    }
    case Ioctl.TIOCSCTTY:
    case Ioctl.TIOCNOTTY:
      return 0;
    default:
      return -Errno.ENOTTY;
  }
}

function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

function give(task: Task, address: number, bytes: Uint8Array): number {
  return task.mm.copyOut(address, bytes) < bytes.length ? -Errno.EFAULT : 0;
}

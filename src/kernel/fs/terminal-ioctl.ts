/** Terminal requests on a host terminal (ioctl_tty(2)). */
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { Signo } from '../abi/signal.js';
import { Ioctl, TERMIOS2_SIZE, TERMIOS_SIZE, WINSIZE_SIZE } from '../abi/termios.js';
import type { Task } from '../task/task.js';
import type { HostStdio } from './host-stdio.js';
import { jobControlIoctl } from './tty/job-control.js';

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
    const error = changes(request) ? checkChange(task) : 0;
    if (error < 0) {
      return error;
    }
    const bytes = new Uint8Array(bytesIn);
    const copied = task.mm.copyIn(argument, bytes);
    return copied < bytesIn ? -Errno.EFAULT : hostFiles.ioctlFd(file.hostFd, request, bytes);
  }
  if (PLAIN.has(request)) {
    return hostFiles.ioctlFd(file.hostFd, request, argument | 0);
  }
  // Sessions and groups are the guest's own: the host's are not its business.
  return jobControlIoctl(task.kernel.hostTerminal, task, request, argument) ?? -Errno.ENOTTY;
}

function changes(request: number): boolean {
  return request !== Ioctl.TIOCSWINSZ;
}

/** A program in the background may not change the settings. */
function checkChange(task: Task): number {
  return task.kernel.hostTerminal.checkForeground(task, Signo.SIGTTOU);
}

function give(task: Task, address: number, bytes: Uint8Array): number {
  return task.mm.copyOut(address, bytes) < bytes.length ? -Errno.EFAULT : 0;
}

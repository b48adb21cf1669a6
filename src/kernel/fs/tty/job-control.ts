/** The requests of ioctl_tty(2) that are about sessions and process groups: the same for every terminal. */
import { Errno } from '../../abi/errno.js';
import { Signo } from '../../abi/signal.js';
import { Ioctl } from '../../abi/termios.js';
import { membersOf } from '../../task/process-group.js';
import type { Task } from '../../task/task.js';
import { Terminals } from './terminals.js';
import type { Tty } from './tty.js';

const INT_SIZE = 4;

export function giveInt(task: Task, address: number, value: number): number {
  const bytes = Buffer.alloc(INT_SIZE);
  bytes.writeInt32LE(value);
  return task.mm.write(address, bytes);
}

export function takeInt(task: Task, address: number): number | undefined {
  const bytes = Buffer.alloc(INT_SIZE);
  return task.mm.read(address, bytes) ? bytes.readInt32LE() : undefined;
}

/** `undefined` for a request of another kind. `isMaster`: asked through the other end of a pseudo-terminal. */
export function jobControlIoctl(
  tty: Tty,
  task: Task,
  request: number,
  argument: number,
  isMaster = false,
): number | undefined {
  const { process } = task;
  switch (request) {
    case Ioctl.TIOCSCTTY:
      return Terminals.of(task.kernel).acquire(task, tty, argument === 1);
    case Ioctl.TIOCNOTTY:
      return giveUp(tty, task);
    case Ioctl.TIOCGPGRP:
      return isMaster || tty.controls(process)
        ? giveInt(task, argument, tty.foregroundGroup)
        : -Errno.ENOTTY;
    case Ioctl.TIOCGSID:
      return tty.session !== 0 && (isMaster || tty.controls(process))
        ? giveInt(task, argument, tty.session)
        : -Errno.ENOTTY;
    case Ioctl.TIOCSPGRP:
      return setForeground(tty, task, argument);
    default:
      return undefined;
  }
}

function giveUp(tty: Tty, { process }: Task): number {
  if (!tty.controls(process)) {
    return -Errno.ENOTTY;
  }
  // Of other members only their own tie is cut, which nothing here depends on.
  if (process.session === process.pid) {
    tty.leave(true);
  }
  return 0;
}

function setForeground(tty: Tty, task: Task, address: number): number {
  const { process, kernel } = task;
  const error = tty.checkForeground(task, Signo.SIGTTOU);
  if (error < 0) {
    return error === -Errno.EIO ? -Errno.ENOTTY : error;
  }
  if (!tty.controls(process)) {
    return -Errno.ENOTTY;
  }
  const group = takeInt(task, address);
  if (group === undefined) {
    return -Errno.EFAULT;
  }
  if (group < 0) {
    return -Errno.EINVAL;
  }
  const [member] = membersOf(kernel, group);
  if (member === undefined) {
    return -Errno.ESRCH;
  }
  if (member.session !== process.session) {
    return -Errno.EPERM;
  }
  tty.foregroundGroup = group;
  return 0;
}

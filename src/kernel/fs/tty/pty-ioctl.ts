/** Requests of ioctl_tty(2) on the ends of a pseudo-terminal. */
import { Errno } from '../../abi/errno.js';
import { Signo, SIGNAL_COUNT } from '../../abi/signal.js';
import { Ioctl, TERMIOS2_SIZE, TERMIOS_SIZE, WINSIZE_SIZE } from '../../abi/termios.js';
import type { Task } from '../../task/task.js';
import { giveDescriptorOf } from './peer-descriptor.js';
import { giveInt, jobControlIoctl, takeInt } from './job-control.js';
import type { PseudoTerminal } from './pseudo-terminal.js';

/** Argument of TCXONC. */
const Flow = { OOFF: 0, OON: 1, IOFF: 2, ION: 3 } as const;
/** Argument of TCFLSH. */
const Flush = { IN: 0, OUT: 1, BOTH: 2 } as const;

/** Requests that both ends know. */
export function terminalIoctl(
  terminal: PseudoTerminal,
  task: Task,
  request: number,
  argument: number,
  isMaster = false,
): number {
  switch (request) {
    case Ioctl.TCGETS:
    case Ioctl.TCGETS2:
      return task.mm.write(argument, terminal.settings.encode(request === Ioctl.TCGETS2));
    case Ioctl.TCSETS:
    case Ioctl.TCSETSW:
    case Ioctl.TCSETSF:
    case Ioctl.TCSETS2:
    case Ioctl.TCSETSW2:
    case Ioctl.TCSETSF2:
      return setSettings(terminal, task, request, argument);
    case Ioctl.TIOCGWINSZ:
      return task.mm.write(argument, terminal.windowSize);
    case Ioctl.TIOCSWINSZ:
      return setWindowSize(terminal, task, argument);
    case Ioctl.TCFLSH:
      return flush(terminal, argument, isMaster);
    case Ioctl.TIOCEXCL:
    case Ioctl.TIOCNXCL:
      terminal.exclusive = request === Ioctl.TIOCEXCL;
      return 0;
    case Ioctl.TIOCGETD:
      return giveInt(task, argument, terminal.settings.line);
    case Ioctl.TIOCSETD:
      return takeInt(task, argument) === 0 ? 0 : -Errno.EINVAL;
    default:
      return (
        jobControlIoctl(terminal, task, request, argument, isMaster) ??
        slaveRequest(terminal, task, request, argument)
      );
  }
}

/** Requests about the bytes that the slave end reads and writes. */
function slaveRequest(
  terminal: PseudoTerminal,
  task: Task,
  request: number,
  argument: number,
): number {
  const { input, canonical } = terminal.discipline;
  switch (request) {
    case Ioctl.FIONREAD:
      return giveInt(task, argument, canonical ? input.completeLength : input.length);
    case Ioctl.TIOCOUTQ:
      return giveInt(task, argument, 0);
    case Ioctl.TCSBRK:
    case Ioctl.TCSBRKP:
      return terminal.checkForeground(task, Signo.SIGTTOU);
    case Ioctl.TCXONC:
      return flow(terminal, task, argument);
    default:
      return -Errno.ENOTTY;
  }
}

/** Requests at the master end. */
export function masterIoctl(
  terminal: PseudoTerminal,
  task: Task,
  request: number,
  argument: number,
): number {
  switch (request) {
    case Ioctl.TIOCGPTN:
      return giveInt(task, argument, terminal.index);
    case Ioctl.TIOCGPTLCK:
      return giveInt(task, argument, terminal.locked ? 1 : 0);
    case Ioctl.TIOCGPKT:
      return giveInt(task, argument, terminal.packetMode ? 1 : 0);
    case Ioctl.TIOCSPTLCK:
      return withInt(task, argument, (value) => {
        terminal.locked = value !== 0;
      });
    case Ioctl.TIOCPKT:
      return withInt(task, argument, (value) => {
        terminal.packetMode = value !== 0;
        terminal.packetStatus = 0;
      });
    case Ioctl.FIONREAD:
      return giveInt(task, argument, terminal.output.length);
    case Ioctl.TIOCSIG:
      return signal(terminal, argument);
    case Ioctl.TIOCGPTPEER:
      return giveDescriptorOf(task, argument, (flags) => terminal.openSlave(terminal, flags));
    case Ioctl.TIOCSCTTY:
    case Ioctl.TIOCNOTTY:
      return -Errno.ENOTTY;
    default:
      return terminalIoctl(terminal, task, request, argument, true);
  }
}

function withInt(task: Task, address: number, use: (value: number) => void): number {
  const value = takeInt(task, address);
  if (value === undefined) {
    return -Errno.EFAULT;
  }
  use(value);
  return 0;
}

function signal(terminal: PseudoTerminal, signo: number): number {
  if (signo < 1 || signo > SIGNAL_COUNT) {
    return -Errno.EINVAL;
  }
  terminal.signalForeground(signo);
  return 0;
}

const SPEED_REQUESTS: ReadonlySet<number> = new Set([
  Ioctl.TCSETS2,
  Ioctl.TCSETSW2,
  Ioctl.TCSETSF2,
]);

function setSettings(
  terminal: PseudoTerminal,
  task: Task,
  request: number,
  argument: number,
): number {
  const error = terminal.checkForeground(task, Signo.SIGTTOU);
  if (error < 0) {
    return error;
  }
  const bytes = Buffer.alloc(SPEED_REQUESTS.has(request) ? TERMIOS2_SIZE : TERMIOS_SIZE);
  if (!task.mm.read(argument, bytes)) {
    return -Errno.EFAULT;
  }
  if (request === Ioctl.TCSETSF || request === Ioctl.TCSETSF2) {
    terminal.flushInput();
  }
  terminal.applySettings(bytes);
  return 0;
}

function setWindowSize(terminal: PseudoTerminal, task: Task, argument: number): number {
  const bytes = Buffer.alloc(WINSIZE_SIZE);
  if (!task.mm.read(argument, bytes)) {
    return -Errno.EFAULT;
  }
  terminal.resize(bytes);
  return 0;
}

/** At the master end input and output are the other way round. */
function flush(terminal: PseudoTerminal, argument: number, isMaster: boolean): number {
  if (argument < Flush.IN || argument > Flush.BOTH) {
    return -Errno.EINVAL;
  }
  if (argument === Flush.BOTH || argument === (isMaster ? Flush.OUT : Flush.IN)) {
    terminal.flushInput();
  }
  if (argument === Flush.BOTH || argument === (isMaster ? Flush.IN : Flush.OUT)) {
    terminal.flushOutput();
  }
  return 0;
}

function flow(terminal: PseudoTerminal, task: Task, argument: number): number {
  const error = terminal.checkForeground(task, Signo.SIGTTOU);
  if (error < 0) {
    return error;
  }
  switch (argument) {
    case Flow.OOFF:
    case Flow.OON:
      terminal.flow(argument === Flow.OOFF);
      return 0;
    case Flow.IOFF:
    case Flow.ION:
      // Would have the terminal stop typing: there is nobody to ask.
      return 0;
    default:
      return -Errno.EINVAL;
  }
}

/** A terminal as job control knows it: the session it controls, and the process group in its foreground. */
import { Errno } from '../../abi/errno.js';
import { encodeDevice } from '../../abi/stat.js';
import { Signo } from '../../abi/signal.js';
import type { Kernel } from '../../kernel.js';
import { isOrphanedGroup, membersOf, signalGroup } from '../../task/process-group.js';
import type { Process } from '../../task/process.js';
import type { Task } from '../../task/task.js';
import type { Location } from '../location.js';
import type { OpenFile } from '../open-file.js';
import { Terminals } from './terminals.js';

/** /dev/tty */
const TTY_MAJOR = 5;

export abstract class Tty {
  /** The session whose controlling terminal it is; 0: none. */
  session = 0;
  /** The foreground process group; 0: none. */
  foregroundGroup = 0;

  constructor(readonly kernel: Kernel) {}

  /** The number of its device, which /proc/PID/stat tells. */
  get device(): number {
    return encodeDevice(TTY_MAJOR, 0);
  }

  /** Opens it anew at /dev/tty. */
  abstract reopen(flags: number, location: Location): OpenFile | number;

  /** A key that stands for a signal was typed, or the like. */
  signalForeground(signo: number): void {
    if (this.foregroundGroup !== 0) {
      signalGroup(this.kernel, this.foregroundGroup, signo);
    }
  }

  controls(process: Process): boolean {
    return this.session !== 0 && this.session === process.session;
  }

  /**
   * Before a read or a change (`signo`: SIGTTIN or SIGTTOU) by a task in the background: 0 where it may go on. Else
   * its group has been signalled (-EINTR, and the call begins anew), or cannot be (-EIO).
   */
  checkForeground(task: Task, signo: number): number {
    const { process } = task;
    const group = process.processGroup;
    if (!this.controls(process) || this.foregroundGroup === 0 || group === this.foregroundGroup) {
      return 0;
    }
    if (task.blocked.has(signo) || process.actions.ignores(signo)) {
      return signo === Signo.SIGTTIN ? -Errno.EIO : 0;
    }
    if (isOrphanedGroup(this.kernel, group)) {
      return -Errno.EIO;
    }
    signalGroup(this.kernel, group, signo);
    return -Errno.EINTR;
  }

  /** The line is gone: the leader of its session is told, and the session has no terminal any more. */
  hangUp(): void {
    const leader = this.kernel.processes.get(this.session);
    leader?.sendSignal(Signo.SIGHUP);
    leader?.sendSignal(Signo.SIGCONT);
    this.release();
  }

  /** The session's leader has ended, or gives up the terminal: the foreground group is hung up. */
  leave(andContinue: boolean): void {
    for (const process of membersOf(this.kernel, this.foregroundGroup)) {
      process.sendSignal(Signo.SIGHUP);
      if (andContinue) {
        process.sendSignal(Signo.SIGCONT);
      }
    }
    this.release();
  }

  /** It controls no session any more. */
  release(): void {
    Terminals.of(this.kernel).forget(this);
    this.session = 0;
    this.foregroundGroup = 0;
  }
}

/** The controlling terminals of the sessions of a kernel (credentials(7), tty(4)). */
import { Errno } from '../../abi/errno.js';
import type { Kernel } from '../../kernel.js';
import type { Process } from '../../task/process.js';
import type { Task } from '../../task/task.js';
import type { Tty } from './tty.js';

const byKernel = new WeakMap<Kernel, Terminals>();

export class Terminals {
  readonly #bySession = new Map<number, Tty>();

  static of(kernel: Kernel): Terminals {
    let terminals = byKernel.get(kernel);
    if (terminals === undefined) {
      terminals = new Terminals();
      byKernel.set(kernel, terminals);
    }
    return terminals;
  }

  /** The controlling terminal of a process. */
  find(process: Process): Tty | undefined {
    return this.#bySession.get(process.session);
  }

  /** Makes `tty` the controlling terminal of the session that `leader` leads. */
  assign(leader: Process, tty: Tty): void {
    tty.session = leader.session;
    tty.foregroundGroup = leader.processGroup;
    this.#bySession.set(leader.session, tty);
  }

  /** open(2) of a terminal by the leader of a session that has none makes it the controlling one. */
  assignByOpen({ process }: Task, tty: Tty): void {
    const leads = process.session === process.pid;
    if (leads && tty.session === 0 && this.find(process) === undefined) {
      this.assign(process, tty);
    }
  }

  /** TIOCSCTTY; root may take a terminal from another session with `steal`. */
  acquire({ process, credentials }: Task, tty: Tty, steal: boolean): number {
    if (tty.controls(process) && process.session === process.pid) {
      return 0;
    }
    if (process.session !== process.pid || this.find(process) !== undefined) {
      return -Errno.EPERM;
    }
    if (tty.session !== 0) {
      if (!steal || credentials.euid !== 0) {
        return -Errno.EPERM;
      }
      tty.release();
    }
    this.assign(process, tty);
    return 0;
  }

  /** Called as the leader of a session ends. */
  sessionEnded(leader: Process): void {
    this.find(leader)?.leave(false);
  }

  forget(tty: Tty): void {
    if (this.#bySession.get(tty.session) === tty) {
      this.#bySession.delete(tty.session);
    }
  }
}

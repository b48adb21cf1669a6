/** Signal-driven I/O, fcntl(2): who is told by a signal that a file has become ready, and of which. */
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { SiCode, Signo } from '../abi/signal.js';
import type { SignalInfo } from '../signal/signal-info.js';
import { type Credentials, maySignal } from '../task/credentials.js';
import { membersOf } from '../task/process-group.js';
import type { Process } from '../task/process.js';
import type { Task } from '../task/task.js';
import type { OpenFile } from './open-file.js';

/** Types of struct f_owner_ex. */
export const OwnerType = { TID: 0, PID: 1, PGRP: 2 } as const;

export interface IoOwner {
  readonly type: number;
  readonly id: number;
  /** Of whoever said so: the signal is sent in their name. */
  readonly credentials: Credentials;
}

/** `si_code` and `si_band`, sigaction(2). */
interface Readiness {
  readonly code: number;
  readonly band: number;
}

const READY = { code: SiCode.POLL_IN, band: Poll.IN | Poll.RDNORM };
const ROOM = { code: SiCode.POLL_OUT, band: Poll.OUT | Poll.WRNORM | Poll.WRBAND };
const HUNG_UP = { code: SiCode.POLL_HUP, band: Poll.HUP | Poll.ERR };

const byFile = new WeakMap<OpenFile, IoSignals>();

export class IoSignals {
  owner: IoOwner | undefined;
  /** F_SETSIG; 0: SIGIO, without a siginfo. */
  signo = 0;
  #stops: (() => void)[] = [];

  constructor(readonly file: OpenFile) {}

  static of(file: OpenFile): IoSignals {
    let found = byFile.get(file);
    if (found === undefined) {
      found = new IoSignals(file);
      byFile.set(file, found);
    }
    return found;
  }

  /** O_ASYNC is set: from now on `task` is told by way of `fd`. */
  start(task: Task, fd: number): void {
    const { file } = this;
    this.stop();
    if (file.readable) {
      const wake = (): void => {
        const events = file.poll(task);
        if (events & Poll.HUP && file.writable) {
          this.#send(task, fd, HUNG_UP);
        } else if (events & (POLL_READABLE | Poll.HUP | Poll.ERR)) {
          this.#send(task, fd, READY);
        }
      };
      this.#stops.push(file.watch(POLL_READABLE, wake, task));
    }
    if (file.writable) {
      const wake = (): void => {
        if (file.poll(task) & (POLL_WRITABLE | Poll.ERR) && !(file.poll(task) & Poll.HUP)) {
          this.#send(task, fd, ROOM);
        }
      };
      this.#stops.push(file.watch(POLL_WRITABLE, wake, task));
    }
    this.#stops.push(
      file.beforeClose(() => {
        this.stop();
      }),
    );
  }

  stop(): void {
    for (const stop of this.#stops) {
      stop();
    }
    this.#stops = [];
  }

  #send(task: Task, fd: number, { code, band }: Readiness): void {
    const { owner, signo } = this;
    if (owner === undefined) {
      return;
    }
    const plain = { signo: Signo.SIGIO, code: SiCode.SI_KERNEL };
    const info: SignalInfo = signo === 0 ? plain : { signo, code, poll: { band, fd } };
    for (const target of targetsOf(task, owner)) {
      // Where no more may wait in the queue, SIGIO says that some were lost.
      if (!target.sendSignal(info.signo, info)) {
        target.sendSignal(plain.signo, plain);
      }
    }
  }
}

function targetsOf({ kernel }: Task, owner: IoOwner): (Process | Task)[] {
  if (owner.type === OwnerType.TID) {
    const thread = kernel.tasks.get(owner.id);
    return thread !== undefined && maySignal(owner, thread) ? [thread] : [];
  }
  const one = kernel.processes.get(owner.id);
  const processes =
    owner.type === OwnerType.PGRP ? membersOf(kernel, owner.id) : one === undefined ? [] : [one];
  return processes.filter(
    ({ isZombie, leader }) => !isZombie && (leader === undefined || maySignal(owner, leader)),
  );
}

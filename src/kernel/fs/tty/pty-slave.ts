/** The end of a pseudo-terminal that programs take for a terminal. */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Signo } from '../../abi/signal.js';
import type { StatRecord } from '../../abi/stat.js';
import { Cc, Lflag } from '../../abi/termios.js';
import type { Task } from '../../task/task.js';
import { after } from '../../time/timeout.js';
import type { Location } from '../location.js';
import { OpenFile } from '../open-file.js';
import type { PseudoTerminal } from './pseudo-terminal.js';
import { terminalIoctl } from './pty-ioctl.js';

/** VTIME counts tenths of a second. */
const TIME_UNIT = 100;
const HUNG_UP = POLL_READABLE | POLL_WRITABLE | Poll.ERR | Poll.HUP;

export class PtySlave extends OpenFile {
  /** The wait of a read with VTIME that has not begun to get bytes: set, and over. */
  #cancelTimer: (() => void) | undefined;
  #timedOut = false;

  constructor(
    flags: number,
    location: Location,
    readonly terminal: PseudoTerminal,
  ) {
    super(flags, location);
    terminal.slaveOpened();
  }

  override get canPoll(): boolean {
    return true;
  }

  override get signalsReadiness(): boolean {
    return true;
  }

  override read(dst: Uint8Array, task?: Task): number {
    const { terminal } = this;
    if (!terminal.masterOpen) {
      return 0;
    }
    const error = task === undefined ? 0 : terminal.checkForeground(task, Signo.SIGTTIN);
    if (error < 0) {
      return error;
    }
    const { input, canonical } = terminal.discipline;
    const count = canonical ? input.takeLine(dst) : this.#readBytes(dst);
    if (count === -1) {
      return -Errno.EAGAIN;
    }
    terminal.pump();
    return count;
  }

  /** By VMIN and VTIME; -1 where it is not yet time. */
  #readBytes(dst: Uint8Array): number {
    const { discipline } = this.terminal;
    const { input } = discipline;
    const { least, time } = this.#rules();
    if (least === 0) {
      return input.length > 0 || this.#isOver(time) ? this.#finish(dst) : -1;
    }
    const enough = input.length >= Math.min(least, dst.length);
    if (enough || (this.nonBlocking && input.length > 0)) {
      return this.#finish(dst);
    }
    if (time > 0 && input.length > 0) {
      const late = performance.now() - discipline.lastByteTime >= time;
      return late ? this.#finish(dst) : this.#startTimer(discipline.lastByteTime + time);
    }
    return -1;
  }

  /** VMIN, and VTIME in milliseconds. */
  #rules(): { readonly least: number; readonly time: number } {
    const { cc } = this.terminal.settings;
    return { least: cc[Cc.VMIN] ?? 0, time: (cc[Cc.VTIME] ?? 0) * TIME_UNIT };
  }

  /** The time that a read waits for its first byte has passed; else it begins to. */
  #isOver(time: number): boolean {
    if (time === 0 || this.#timedOut) {
      return true;
    }
    if (!this.nonBlocking) {
      this.#startTimer(performance.now() + time);
    }
    return false;
  }

  #startTimer(due: number): -1 {
    this.#cancelTimer ??= after(due - performance.now(), () => {
      this.#cancelTimer = undefined;
      this.#timedOut = true;
      this.terminal.slaveQueue.wake(POLL_READABLE);
    });
    return -1;
  }

  #finish(dst: Uint8Array): number {
    this.#stopTimer();
    return this.terminal.discipline.input.takeBytes(dst);
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timedOut = false;
  }

  override write(src: Uint8Array, task?: Task): number {
    const { terminal } = this;
    if (!terminal.masterOpen) {
      return -Errno.EIO;
    }
    if (task !== undefined && terminal.settings.local(Lflag.TOSTOP)) {
      const error = terminal.checkForeground(task, Signo.SIGTTOU);
      if (error < 0) {
        return error;
      }
    }
    const count = terminal.print(src);
    return count === 0 && src.length > 0 ? -Errno.EAGAIN : count;
  }

  override poll(): number {
    const { terminal } = this;
    if (!terminal.masterOpen) {
      return HUNG_UP;
    }
    const readable = this.#hasInput() ? POLL_READABLE : 0;
    return readable | (terminal.outputRoom > 0 ? POLL_WRITABLE : 0);
  }

  #hasInput(): boolean {
    const { input, canonical } = this.terminal.discipline;
    if (canonical) {
      return input.hasLine;
    }
    const { least, time } = this.#rules();
    return input.length >= (time === 0 ? Math.max(1, least) : 1);
  }

  override watch(events: number, wake: () => void): () => void {
    const stop = this.terminal.slaveQueue.add(events | Poll.HUP | Poll.ERR, wake);
    return () => {
      stop();
      // A read that is given up takes its timer along.
      if (!this.#timedOut) {
        this.#stopTimer();
      }
    };
  }

  override stat(out: StatRecord): number {
    return this.inode?.stat(out) ?? -Errno.EBADF;
  }

  override ioctl(task: Task, request: number, argument: number): number {
    return this.terminal.masterOpen
      ? terminalIoctl(this.terminal, task, request, argument)
      : -Errno.EIO;
  }

  protected override onClose(): void {
    this.#stopTimer();
    this.terminal.slaveClosed();
  }
}

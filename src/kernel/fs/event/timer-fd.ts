/** A timer that is read, timerfd_create(2). */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { Poll } from '../../abi/poll.js';
import { fromMilliseconds, toMilliseconds, type Timespec } from '../../time/clock.js';
import { after } from '../../time/timeout.js';
import { AnonymousFile } from './anonymous-file.js';

const SIZE = 8;
const ZERO: Timespec = { seconds: 0, nanoseconds: 0 };

/** struct itimerspec, without its memory. */
export interface TimerSetting {
  readonly interval: Timespec;
  /** Until the first expiry; zero where the timer is disarmed. */
  readonly value: Timespec;
}

/**
 * As in Linux, a periodic timer rests once it has expired, until somebody looks at it: the expiries since then
 * are counted by the clock.
 */
export class TimerFd extends AnonymousFile {
  #interval = ZERO;
  /** When it expires next, by performance.now(); `undefined`: disarmed. */
  #due: number | undefined;
  /** Expiries not yet read. */
  #ticks = 0;
  /** It has expired, and counts on only when it is looked at. */
  #resting = false;
  #cancel: () => void = () => undefined;

  constructor(
    /** Clock of clock_gettime(2). */
    readonly clock: number,
    flags: number,
  ) {
    super(O.RDWR | flags, '[timerfd]');
  }

  /** Milliseconds from now until the first expiry; `undefined` disarms. */
  set(first: number | undefined, interval: Timespec): void {
    this.#cancel();
    this.#ticks = 0;
    this.#resting = false;
    this.#interval = interval;
    this.#due = first === undefined ? undefined : performance.now() + first;
    this.#arm();
  }

  get setting(): TimerSetting {
    this.#catchUp();
    const armed = this.#due !== undefined && !this.#resting;
    // Armed yet due: the least time, so as not to say that it is disarmed.
    const left = armed ? Math.max((this.#due ?? 0) - performance.now(), 1e-3) : 0;
    return { interval: this.#interval, value: fromMilliseconds(left) };
  }

  override read(dst: Uint8Array): number {
    if (dst.length < SIZE) {
      return -Errno.EINVAL;
    }
    this.#catchUp();
    if (this.#ticks === 0) {
      return -Errno.EAGAIN;
    }
    const view = new DataView(dst.buffer, dst.byteOffset, SIZE);
    view.setUint32(0, this.#ticks, true);
    view.setUint32(4, Math.floor(this.#ticks / 2 ** 32), true);
    this.#ticks = 0;
    return SIZE;
  }

  override poll(): number {
    this.#expireIfDue();
    return this.#ticks > 0 ? Poll.IN : 0;
  }

  override fdinfo(): string {
    const { interval, value } = this.setting;
    return (
      `clockid: ${String(this.clock)}\nticks: ${String(this.#ticks)}\nsettime flags: 00\n` +
      `it_value: (${String(value.seconds)}, ${String(value.nanoseconds)})\n` +
      `it_interval: (${String(interval.seconds)}, ${String(interval.nanoseconds)})\n`
    );
  }

  /** Counts what has expired by now, and lets a periodic timer go on. */
  #catchUp(): void {
    this.#expireIfDue();
    const period = toMilliseconds(this.#interval);
    if (!this.#resting || this.#due === undefined || period === 0) {
      return;
    }
    // `#due` is the expiry that was counted.
    const more = Math.max(0, Math.floor((performance.now() - this.#due) / period));
    this.#ticks += more;
    this.#due += (more + 1) * period;
    this.#resting = false;
    this.#arm();
  }

  #expireIfDue(): void {
    if (!this.#resting && this.#due !== undefined && performance.now() >= this.#due) {
      this.#expire();
    }
  }

  #arm(): void {
    if (this.#due !== undefined) {
      this.#cancel = after(this.#due - performance.now(), () => {
        this.#expireIfDue();
      });
    }
  }

  #expire(): void {
    this.#cancel();
    this.#ticks++;
    this.#resting = true;
    this.queue.wake(Poll.IN);
  }

  protected override onClose(): void {
    this.#cancel();
  }
}

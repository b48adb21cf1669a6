/** A timer that expires once and then, if asked, again and again (setitimer(2)). Times in milliseconds. */
import { monotonicClock, type TimerClock } from './timer-clock.js';

export class IntervalTimer {
  #cancel: (() => void) | undefined;
  #expires = 0;
  #interval = 0;

  constructor(
    /** Told of each expiry, with how many more there would have been by now. */
    readonly onExpire: (overruns: number) => void,
    readonly clock: TimerClock = monotonicClock,
  ) {}

  /** Until the next expiry; 0 where none is set. */
  get remaining(): number {
    if (this.#cancel === undefined) return 0;
    // Armed yet due: the program is told of the least time, as Linux does.
    return Math.max(this.#expires - this.clock.now(), 0.001);
  }

  get interval(): number {
    return this.#cancel === undefined ? 0 : this.#interval;
  }

  /** `first` 0 disarms. */
  arm(first: number, interval: number): void {
    this.disarm();
    if (first > 0) this.armAt(this.clock.now() + first, interval);
  }

  /** Expires when the clock reads `time`, at once where it has passed. */
  armAt(time: number, interval: number): void {
    this.disarm();
    this.#interval = interval;
    this.#expires = time;
    this.#wait();
  }

  disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(): void {
    const left = Math.max(this.#expires - this.clock.now(), 0);
    this.#cancel = this.clock.after(left, () => {
      this.#look();
    });
  }

  #look(): void {
    const late = this.clock.now() - this.#expires;
    if (late < 0) {
      this.#wait();
      return;
    }
    this.#cancel = undefined;
    // Expiries that came too late to be told apart are one; the rhythm is kept.
    const missed = this.#interval > 0 ? Math.floor(late / this.#interval) : 0;
    if (this.#interval > 0) {
      this.#expires += (missed + 1) * this.#interval;
      this.#wait();
    }
    this.onExpire(missed);
  }
}

/** A timer that expires once and then, if asked, again and again (setitimer(2)). Times in milliseconds. */
import { after } from './timeout.js';

export class IntervalTimer {
  #cancel: (() => void) | undefined;
  #expires = 0;
  #interval = 0;

  constructor(readonly onExpire: () => void) {}

  /** Until the next expiry; 0 where none is set. */
  get remaining(): number {
    if (this.#cancel === undefined) return 0;
    // Armed yet due: the program is told of the least time, as Linux does.
    return Math.max(this.#expires - performance.now(), 0.001);
  }

  get interval(): number {
    return this.#cancel === undefined ? 0 : this.#interval;
  }

  /** `first` 0 disarms. */
  arm(first: number, interval: number): void {
    this.disarm();
    if (first <= 0) return;
    this.#interval = interval;
    this.#expires = performance.now() + first;
    this.#cancel = after(first, () => {
      this.#fire();
    });
  }

  disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #fire(): void {
    this.#cancel = undefined;
    if (this.#interval > 0) {
      // Expiries that came too late to be told apart are one; the rhythm is kept.
      const late = performance.now() - this.#expires;
      const next = this.#interval - (late % this.#interval);
      this.arm(Math.max(next, 0.001), this.#interval);
    }
    this.onExpire();
  }
}

/**
 * Keeps the event loop awake for a moment, so that it finds what other threads are about to finish: most switches take
 * less than it takes to be woken. All else that the loop has to do has its turn meanwhile. Where looking is in vain,
 * as with a guest that computes or processors that are all busy, it is done ever more seldom.
 */

/** Milliseconds: some system calls out of the guest. */
const MOMENT = 0.2;
/** Times that are let pass behind one in vain, at most. */
const MOST_PATIENCE = 64;

export class Lookout {
  #until = 0;
  #isLooking = false;
  #hasFound = false;
  #patience = 0;
  #wait = 0;

  /** `find` finishes what has ended, and says whether there was something; `isAwaited`, whether more is under way. */
  constructor(
    readonly find: () => boolean,
    readonly isAwaited: () => boolean,
  ) {}

  get isLooking(): boolean {
    return this.#isLooking;
  }

  /** Something has begun. */
  start(): void {
    if (this.#wait > 0) {
      this.#wait--;
      return;
    }
    this.#until = performance.now() + MOMENT;
    if (this.#isLooking) return;
    this.#hasFound = false;
    this.#lookSoon();
  }

  #lookSoon(): void {
    this.#isLooking = true;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    this.#isLooking = false;
    if (this.find()) {
      this.#hasFound = true;
      this.#patience = 0;
    }
    // What has been found may have begun something.
    if (this.isLooking || !this.isAwaited()) return;
    if (performance.now() < this.#until) {
      this.#lookSoon();
    } else if (!this.#hasFound) {
      this.#patience = Math.min(Math.max(1, this.#patience * 2), MOST_PATIENCE);
      this.#wait = this.#patience;
    }
  };
}

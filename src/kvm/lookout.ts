/**
 * Keeps the event loop awake for a moment, so that it finds what another thread is about to finish: most switches take
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
  #patience = 0;
  #wait = 0;

  /** `find` says whether there was something. */
  constructor(readonly find: () => boolean) {}

  /** Something has begun. */
  start(): void {
    if (this.#wait > 0) {
      this.#wait--;
      return;
    }
    this.#until = performance.now() + MOMENT;
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    if (this.find()) {
      this.#patience = 0;
      this.#isLooking = false;
    } else if (performance.now() < this.#until) {
      setImmediate(this.#look);
    } else {
      this.#isLooking = false;
      this.#patience = Math.min(Math.max(1, this.#patience * 2), MOST_PATIENCE);
      this.#wait = this.#patience;
    }
  };
}

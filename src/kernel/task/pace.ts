/**
 * How a task's next switch goes: on the event loop's thread, the shorter way for a program that makes calls in quick
 * succession, or beside it, for one that computes.
 */

/** A guest that ran so many milliseconds without a call is computing. */
const COMPUTING = 1;
/** Switches beside the event loop, at most, between two attempts on its thread. */
const MOST_BESIDE = 32;

/**
 * The time of a switch beside the event loop tells little of the guest: on a busy host most of it is spent on waking
 * threads. So a quick one ends the computing, and after some slow ones the short way is tried again; the more of them,
 * the more often that was in vain.
 */
export class Pace {
  /** Switches to make beside the event loop before the next attempt. */
  #beside = 0;
  #afterFailure = 1;

  get isSynchronous(): boolean {
    return this.#beside === 0;
  }

  /** The guest came out by itself in the time it was given. */
  answered(): void {
    this.#afterFailure = 1;
  }

  /** It did not, and was interrupted. */
  exhausted(): void {
    this.#beside = this.#afterFailure;
    this.#afterFailure = Math.min(this.#afterFailure * 2, MOST_BESIDE);
  }

  /** It came out of a switch beside the event loop by itself, so many milliseconds after its begin. */
  cameOut(milliseconds: number): void {
    this.#beside = milliseconds < COMPUTING ? 0 : this.#beside - 1;
  }
}

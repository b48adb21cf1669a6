/** The turns of the event loop: tasks that could go on for ever leave it some, however many of them there are. */

/** Milliseconds that tasks, one after another, may keep the event loop waiting. */
const INTERVAL = 4;
/** Steps of tasks between two looks at the clock. */
const STEPS_PER_LOOK = 4;

export class Turns {
  #begin = performance.now();
  #steps = 0;
  /** Those who wait for a turn, from `#head` on. */
  #queue: (() => void)[] = [];
  #head = 0;
  #isScheduled = false;

  /** After each step of a task: what it is to await before the next one, where others have waited long enough. */
  due(): Promise<void> | undefined {
    if (++this.#steps % STEPS_PER_LOOK !== 0 && this.#queue.length === 0) return undefined;
    if (performance.now() - this.#begin < INTERVAL) return undefined;
    return new Promise((resolve) => {
      this.#queue.push(resolve);
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(this.#begins);
    });
  }

  readonly #begins = (): void => {
    this.#begin = performance.now();
    this.#resumeNext();
  };

  /** One after another, each when the one before has made a step; those who come too late wait for the next turn. */
  readonly #resumeNext = (): void => {
    const resume = this.#queue[this.#head];
    if (resume === undefined) {
      this.#queue = [];
      this.#head = 0;
      this.#isScheduled = false;
    } else if (performance.now() - this.#begin >= INTERVAL) {
      setImmediate(this.#begins);
    } else {
      this.#head++;
      resume();
      queueMicrotask(this.#resumeNext);
    }
  };
}

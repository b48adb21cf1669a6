/** Those who wait for an event of a file. */
export class WaitQueue {
  readonly #waiters = new Map<() => void, number>();

  /** Calls `wake` whenever one of `events` (poll(2) bits) may hold, until the function given back is called. */
  add(events: number, wake: () => void): () => void {
    // A function of its own, so that the same `wake` may wait twice.
    const entry = (): void => {
      wake();
    };
    this.#waiters.set(entry, events);
    return () => {
      this.#waiters.delete(entry);
    };
  }

  wake(events: number): void {
    if (this.#waiters.size === 0) {
      return;
    }
    for (const [wake, wanted] of [...this.#waiters]) {
      if (wanted & events) {
        wake();
      }
    }
  }
}

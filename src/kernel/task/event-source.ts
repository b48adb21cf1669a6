/** Something that happens now and then: those who wait for it are told once, and look again. */
export class EventSource {
  readonly #waiting = new Set<() => void>();

  happened(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** The next event; `cancel` where it is not waited for any longer. */
  next(): { event: Promise<number>; cancel: () => void } {
    let wake = (): void => undefined;
    const event = new Promise<number>((resolve) => {
      wake = () => {
        resolve(0);
      };
    });
    this.#waiting.add(wake);
    return {
      event,
      cancel: () => {
        this.#waiting.delete(wake);
      },
    };
  }
}

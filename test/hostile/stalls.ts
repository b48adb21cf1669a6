/** How long the event loop stood still: how long one turn of it computed, and how long it waited for the host. */
import { readFileSync } from 'node:fs';

const TICK_MS = 10;

/** Milliseconds that the main thread has run, and waited for a processor: proc(5), schedstat. */
function schedule(): readonly [ran: number, queued: number] {
  const text = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1');
  const [ran = 0, queued = 0] = text.split(' ').map((nanoseconds) => Number(nanoseconds) / 1e6);
  return [ran, queued];
}

export class StallWatch implements Disposable {
  /** Most milliseconds that a turn computed. */
  computed = 0;
  /** Most milliseconds between two turns, without the time in which other processes had the processor. */
  longest = 0;
  #last = performance.now();
  #schedule = schedule();
  readonly #timer = setInterval(() => {
    this.#tick();
  }, TICK_MS);

  #tick(): void {
    const [now, [ran, queued]] = [performance.now(), schedule()];
    const computed = ran - this.#schedule[0];
    const between = now - this.#last - (queued - this.#schedule[1]);
    this.computed = Math.max(this.computed, computed);
    this.longest = Math.max(this.longest, between);
    [this.#last, this.#schedule] = [now, [ran, queued]];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

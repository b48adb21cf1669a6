/** Wait queues of futex(2), by the word they wait for. */
interface Waiter {
  readonly bitset: number;
  /** The thread that waits, where it is to own the word: locks with priority inheritance. */
  readonly tid: number;
  /** Where it is queued; undefined once it is woken. */
  queue: FutexQueue | undefined;
  wake: () => void;
}

/** A word: its queue, in the table of whatever the word belongs to. */
export class FutexQueue {
  readonly waiters: Waiter[] = [];

  constructor(
    readonly table: FutexTable,
    readonly key: number,
  ) {}

  get length(): number {
    return this.waiters.length;
  }

  /** The thread that has waited longest; 0 where nobody waits. */
  get firstTid(): number {
    return this.waiters[0]?.tid ?? 0;
  }

  /**
   * Queues a waiter; `woken` resolves to 0 when it is woken. `wasWoken` counts where a signal comes right behind:
   * nobody else was woken in its place.
   */
  wait(
    bitset: number,
    tid = 0,
  ): { woken: Promise<number>; cancel: () => void; wasWoken: () => boolean } {
    let wasWoken = false;
    const waiter: Waiter = { bitset, tid, queue: undefined, wake: () => undefined };
    const woken = new Promise<number>((resolve) => {
      waiter.wake = () => {
        wasWoken = true;
        resolve(0);
      };
    });
    this.#push(waiter);
    return {
      woken,
      cancel: () => {
        waiter.queue?.remove(waiter);
      },
      wasWoken: () => wasWoken,
    };
  }

  /** Wakes up to `count` waiters that share a bit with `bitset`; gives how many. */
  wake(count: number, bitset: number): number {
    let woken = 0;
    for (const waiter of [...this.waiters]) {
      if (woken >= count) break;
      if ((waiter.bitset & bitset) === 0) continue;
      this.remove(waiter);
      waiter.wake();
      woken++;
    }
    return woken;
  }

  /** Moves up to `count` waiters to another word; gives how many. */
  requeue(to: FutexQueue, count: number): number {
    if (to === this) return 0;
    const moved = this.waiters.splice(0, count);
    for (const waiter of moved) to.#push(waiter);
    this.table.settle(this);
    return moved.length;
  }

  remove(waiter: Waiter): void {
    waiter.queue = undefined;
    const index = this.waiters.indexOf(waiter);
    if (index >= 0) this.waiters.splice(index, 1);
    this.table.settle(this);
  }

  #push(waiter: Waiter): void {
    waiter.queue = this;
    this.waiters.push(waiter);
    this.table.keep(this);
  }
}

/** The words of one memory, by address, or of one file, by offset. Only those that are waited for are kept. */
export class FutexTable {
  readonly #queues = new Map<number, FutexQueue>();

  queue(key: number): FutexQueue {
    return this.#queues.get(key) ?? new FutexQueue(this, key);
  }

  keep(queue: FutexQueue): void {
    this.#queues.set(queue.key, queue);
  }

  /** Forgets the queue where nobody waits in it any more. */
  settle(queue: FutexQueue): void {
    if (queue.length === 0 && this.#queues.get(queue.key) === queue) this.#queues.delete(queue.key);
  }
}

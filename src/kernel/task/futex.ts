/** Wait queues of futex(2), by the address of the word. */
interface Waiter {
  readonly bitset: number;
  wake: () => void;
}

export class FutexTable {
  readonly #queues = new Map<number, Waiter[]>();

  /** Queues a waiter; `woken` resolves to 0 when it is woken. */
  wait(address: number, bitset: number): { woken: Promise<number>; cancel: () => void } {
    const waiter: Waiter = { bitset, wake: () => undefined };
    const woken = new Promise<number>((resolve) => {
      waiter.wake = () => {
        resolve(0);
      };
    });
    this.#queue(address).push(waiter);
    return {
      woken,
      cancel: () => {
        this.#remove(waiter);
      },
    };
  }

  /** Wakes up to `count` waiters that share a bit with `bitset`; gives how many. */
  wake(address: number, count: number, bitset: number): number {
    const queue = this.#queues.get(address);
    if (queue === undefined) return 0;
    let woken = 0;
    const left = queue.filter((waiter) => {
      if (woken >= count || (waiter.bitset & bitset) === 0) return true;
      woken++;
      waiter.wake();
      return false;
    });
    this.#store(address, left);
    return woken;
  }

  /** Moves up to `count` waiters to another word; gives how many. */
  requeue(from: number, to: number, count: number): number {
    const queue = this.#queues.get(from);
    if (queue === undefined || from === to) return 0;
    const moved = queue.splice(0, count);
    this.#store(from, queue);
    this.#queue(to).push(...moved);
    if (moved.length === 0) this.#store(to, this.#queue(to));
    return moved.length;
  }

  #queue(address: number): Waiter[] {
    const known = this.#queues.get(address);
    if (known !== undefined) return known;
    const queue: Waiter[] = [];
    this.#queues.set(address, queue);
    return queue;
  }

  #store(address: number, queue: Waiter[]): void {
    if (queue.length === 0) this.#queues.delete(address);
    else this.#queues.set(address, queue);
  }

  #remove(waiter: Waiter): void {
    for (const [address, queue] of this.#queues) {
      const index = queue.indexOf(waiter);
      if (index < 0) continue;
      queue.splice(index, 1);
      this.#store(address, queue);
      return;
    }
  }
}

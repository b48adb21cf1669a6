/** Wait queues of futex(2), by the word they wait for. */
import { Errno } from '../abi/errno.js';

interface Waiter {
  readonly bitset: number;
  /** The thread that waits, where it is to own the word: locks with priority inheritance. */
  readonly tid: number;
  /** The lock that FUTEX_CMP_REQUEUE_PI is to move it to; undefined once it has, and for all others. */
  lock: FutexQueue | undefined;
  /** Where it is queued; undefined once it is woken. */
  queue: FutexQueue | undefined;
  wake: () => void;
}

/** What a waiter is told. */
interface Waiting {
  /** Resolves to 0. */
  readonly woken: Promise<number>;
  readonly cancel: () => void;
  readonly wasWoken: () => boolean;
  /** FUTEX_CMP_REQUEUE_PI has taken it to the lock that it is bound for. */
  readonly wasMoved: () => boolean;
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

  /** The thread that has waited longest to own the word; 0 where nobody waits, or not for that. */
  get firstTid(): number {
    const first = this.waiters[0];
    return first === undefined || first.lock !== undefined ? 0 : first.tid;
  }

  /** The thread that has waited longest to be moved to `lock`; 0 where that is not what it waits for. */
  firstBoundFor(lock: FutexQueue): number {
    const first = this.waiters[0];
    return first?.lock?.isSameWord(lock) === true ? first.tid : 0;
  }

  isSameWord(other: FutexQueue): boolean {
    return this.table === other.table && this.key === other.key;
  }

  /**
   * Queues a waiter; `woken` resolves to 0 when it is woken. `wasWoken` counts where a signal comes right behind:
   * nobody else was woken in its place.
   */
  wait(bitset: number, tid = 0, lock?: FutexQueue): Waiting {
    let wasWoken = false;
    const waiter: Waiter = { bitset, tid, lock, queue: undefined, wake: () => undefined };
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
      wasMoved: () => lock !== undefined && waiter.lock === undefined,
    };
  }

  /** Wakes up to `count` waiters that share a bit with `bitset`; gives how many. -EINVAL for those of a lock. */
  wake(count: number, bitset: number): number {
    let woken = 0;
    for (const waiter of [...this.waiters]) {
      if (woken >= count) break;
      if (waiter.tid !== 0) return -Errno.EINVAL;
      if ((waiter.bitset & bitset) === 0) continue;
      this.remove(waiter);
      waiter.wake();
      woken++;
    }
    return woken;
  }

  /** Wakes who has waited longest, whatever for. */
  wakeFirst(): void {
    const first = this.waiters[0];
    if (first === undefined) return;
    this.remove(first);
    first.wake();
  }

  /** Wakes up to `wakes` waiters and moves up to `most` more to another word; gives how many of both. */
  requeue(to: FutexQueue, wakes: number, most: number): number {
    let done = 0;
    for (const waiter of [...this.waiters]) {
      if (done - wakes >= most) break;
      if (waiter.tid !== 0) return -Errno.EINVAL;
      if (done++ < wakes) {
        this.remove(waiter);
        waiter.wake();
      } else if (!this.isSameWord(to)) {
        this.#move(waiter, to);
      }
    }
    return done;
  }

  /** Moves up to `most` waiters to the lock that they are bound for, which is `owner`'s; gives how many. */
  requeueToLock(lock: FutexQueue, most: number, owner: number): number {
    let done = 0;
    for (const waiter of [...this.waiters]) {
      if (done >= most) break;
      if (waiter.lock?.isSameWord(lock) !== true) return -Errno.EINVAL;
      if (waiter.tid === owner) return -Errno.EDEADLK;
      waiter.lock = undefined;
      this.#move(waiter, lock);
      done++;
    }
    return done;
  }

  #move(waiter: Waiter, to: FutexQueue): void {
    this.remove(waiter);
    to.#push(waiter);
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

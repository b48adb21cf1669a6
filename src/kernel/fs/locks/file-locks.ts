/** The locks on one file: whole ones, flock(2), and those on ranges, fcntl(2). The two do not know of each other. */
import { Errno } from '../../abi/errno.js';
import type { GuestMemory } from '../../guest.js';
import { KernelMemory } from '../kernel-memory.js';
import type { OpenFile } from '../open-file.js';
import { WaitQueue } from '../wait-queue.js';
import { type RangeLock, RangeLocks } from './range-locks.js';

/** Any event will do for the queue: there is one kind. */
const RELEASED = 1;
/** As measured. */
const LOCK_BYTES = 256;

/** By inode; by open file where there is none. */
const byFile = new WeakMap<object, FileLocks>();

export class FileLocks {
  readonly ranges = new RangeLocks();
  /** Whole locks by open file: whether they are exclusive. */
  readonly #whole = new Map<OpenFile, boolean>();
  readonly #queue = new WaitQueue();
  /** Open files that give their locks back when they close. */
  readonly #watched = new WeakSet<OpenFile>();

  /** What the locks on ranges take, as the kernel counts its memory. */
  #held = 0;

  constructor(readonly kernelMemory: KernelMemory) {}

  static of(file: OpenFile, memory: GuestMemory): FileLocks {
    const key = file.inode ?? file;
    let locks = byFile.get(key);
    if (locks === undefined) {
      locks = new FileLocks(KernelMemory.of(memory));
      byFile.set(key, locks);
    }
    return locks;
  }

  /** Takes or changes the lock on the whole; false where another has one that it cannot be beside. */
  lockWhole(file: OpenFile, exclusive: boolean): boolean {
    if (this.#whole.get(file) === exclusive) {
      return true;
    }
    // A change gives the old lock up first, and may leave none (flock(2)).
    this.unlockWhole(file);
    for (const other of this.#whole.values()) {
      if (exclusive || other) {
        return false;
      }
    }
    this.#whole.set(file, exclusive);
    this.#releaseAtClose(file);
    return true;
  }

  unlockWhole(file: OpenFile): void {
    if (this.#whole.delete(file)) {
      this.#queue.wake(RELEASED);
    }
  }

  /** Locks a range; gives the lock that is in the way, or -ENOLCK where there may be no more of them. */
  lockRange(file: OpenFile, wanted: RangeLock): RangeLock | number | undefined {
    const conflict = this.ranges.conflict(wanted);
    if (conflict === undefined) {
      // One that is cut in two by another leaves three.
      if (!this.kernelMemory.take(2 * LOCK_BYTES)) {
        return -Errno.ENOLCK;
      }
      this.kernelMemory.give(2 * LOCK_BYTES);
      this.ranges.lock(wanted);
      this.#changed();
      if (wanted.owner === file) {
        this.#releaseAtClose(file);
      }
    }
    return conflict;
  }

  unlockRange(range: RangeLock): void {
    this.ranges.unlock(range);
    this.#changed();
  }

  /** Closing any descriptor of a file gives up all locks that the process has on it. */
  releaseOwner(owner: object): void {
    if (this.ranges.unlockAll(owner)) {
      this.#changed();
    }
  }

  /** Calls `wake` when a lock was given up. */
  watch(wake: () => void): () => void {
    return this.#queue.add(RELEASED, wake);
  }

  /** Counts the locks on ranges, and tells those who wait: even a new one may stand in for a stricter one. */
  #changed(): void {
    const held = this.ranges.count * LOCK_BYTES;
    if (held >= this.#held) {
      this.kernelMemory.take(held - this.#held);
    } else {
      this.kernelMemory.give(this.#held - held);
    }
    this.#held = held;
    this.#queue.wake(RELEASED);
  }

  #releaseAtClose(file: OpenFile): void {
    if (this.#watched.has(file)) {
      return;
    }
    this.#watched.add(file);
    file.beforeClose(() => {
      this.unlockWhole(file);
      this.releaseOwner(file);
    });
  }
}

/** A descriptor of `file` was closed in the table `owner`. */
export function releaseRecordLocks(file: OpenFile, owner: object): void {
  byFile.get(file.inode ?? file)?.releaseOwner(owner);
}

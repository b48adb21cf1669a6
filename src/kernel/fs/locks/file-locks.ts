/** The locks on one file: whole ones, flock(2), and those on ranges, fcntl(2). The two do not know of each other. */
import { Errno } from '../../abi/errno.js';
import type { GuestMemory } from '../../guest.js';
import { KernelMemory } from '../kernel-memory.js';
import type { Inode } from '../inode.js';
import type { OpenFile } from '../open-file.js';
import { WaitQueue } from '../wait-queue.js';
import { type RangeLock, RangeLocks } from './range-locks.js';

/** Any event will do for the queue: there is one kind. */
const RELEASED = 1;
/** As measured. */
const LOCK_BYTES = 256;

/** Those that hold any, of each sandbox. */
const holding = new WeakMap<KernelMemory, Set<FileLocks>>();

/** By inode; by open file where there is none. */
const byFile = new WeakMap<object, FileLocks>();

/** A lock on a whole file, flock(2). */
interface WholeLock {
  readonly exclusive: boolean;
  /** The process that asked for it. */
  readonly pid: number;
}

export class FileLocks {
  readonly ranges = new RangeLocks();
  readonly #whole = new Map<OpenFile, WholeLock>();
  readonly #queue = new WaitQueue();
  /** Open files that give their locks back when they close. */
  readonly #watched = new WeakSet<OpenFile>();

  /** What the locks on ranges take, as the kernel counts its memory. */
  #held = 0;

  constructor(
    readonly kernelMemory: KernelMemory,
    /** What is locked: an inode, or an open file without one. */
    readonly target: Pick<Inode, 'stat'>,
  ) {}

  static of(file: OpenFile, memory: GuestMemory): FileLocks {
    const key = file.inode ?? file;
    let locks = byFile.get(key);
    if (locks === undefined) {
      locks = new FileLocks(KernelMemory.of(memory), key);
      byFile.set(key, locks);
    }
    return locks;
  }

  /** All of a sandbox that hold any lock. */
  static holding(memory: GuestMemory): Iterable<FileLocks> {
    return holding.get(KernelMemory.of(memory)) ?? [];
  }

  get whole(): Iterable<WholeLock> {
    return this.#whole.values();
  }

  /** Takes or changes the lock on the whole; false where another has one that it cannot be beside. */
  lockWhole(file: OpenFile, exclusive: boolean, pid: number): boolean {
    if (this.#whole.get(file)?.exclusive === exclusive) {
      return true;
    }
    // A change gives the old lock up first, and may leave none (flock(2)).
    this.unlockWhole(file);
    for (const other of this.#whole.values()) {
      if (exclusive || other.exclusive) {
        return false;
      }
    }
    this.#whole.set(file, { exclusive, pid });
    this.#list();
    this.#releaseAtClose(file);
    return true;
  }

  unlockWhole(file: OpenFile): void {
    if (this.#whole.delete(file)) {
      this.#list();
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
    this.#list();
    this.#queue.wake(RELEASED);
  }

  /** Keeps track of whether it holds any. */
  #list(): void {
    const all = holding.get(this.kernelMemory) ?? new Set();
    if (this.#whole.size > 0 || this.#held > 0) {
      holding.set(this.kernelMemory, all.add(this));
    } else {
      all.delete(this);
    }
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

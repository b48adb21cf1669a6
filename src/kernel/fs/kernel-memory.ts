/**
 * What the kernel holds in the host process's own memory because a guest asked for it: names, inodes, pipes, texts.
 * It lies outside the guest's memory, so it has a limit of its own, in proportion.
 */
import type { GuestMemory } from '../guest.js';

/** The part of the guest's memory that it may be as large as. */
const SHARE = 1 / 4;
/** However much memory the guest has: the heap of a Node.js process is no larger for it. */
const MAX_LIMIT = 512 * 1024 * 1024;

/** One for all file systems and descriptors of a sandbox. */
const bySandbox = new WeakMap<GuestMemory, KernelMemory>();

export class KernelMemory {
  #held = 0;

  constructor(readonly limit: number) {}

  static of(memory: GuestMemory): KernelMemory {
    let found = bySandbox.get(memory);
    if (found === undefined) {
      found = new KernelMemory(Math.min(memory.limit * SHARE, MAX_LIMIT));
      bySandbox.set(memory, found);
    }
    return found;
  }

  get held(): number {
    return this.#held;
  }

  /** Counts `bytes` more; false where there may be no more. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.limit) {
      return false;
    }
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** Locks on ranges of one file, fcntl(2): those of processes, and those of open file descriptions. */

/** `end` is the last byte; `Infinity` for all there is and will be. */
export interface RangeLock {
  /** Whose it is: a table of descriptors, or an open file description. */
  readonly owner: object;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
  /** The process that F_GETLK tells; -1 for a description's. */
  readonly pid: number;
}

function overlap(a: RangeLock, b: RangeLock): boolean {
  return a.start <= b.end && b.start <= a.end;
}

/** They meet without a gap and are of one kind: one lock in fact. */
function adjoin(a: RangeLock, b: RangeLock): boolean {
  return a.exclusive === b.exclusive && a.start <= b.end + 1 && b.start <= a.end + 1;
}

/** What is left of `lock` without the range of `cut`. */
function without(lock: RangeLock, cut: RangeLock): RangeLock[] {
  if (!overlap(lock, cut)) {
    return [lock];
  }
  const before = { ...lock, end: cut.start - 1 };
  const after = { ...lock, start: cut.end + 1 };
  return [before, after].filter(({ start, end }) => start <= end);
}

export class RangeLocks {
  /** By owner, each in the order of the file. */
  readonly #locks = new Map<object, RangeLock[]>();

  get count(): number {
    let count = 0;
    for (const locks of this.#locks.values()) {
      count += locks.length;
    }
    return count;
  }

  /** All of them, owner by owner. */
  *all(): Generator<RangeLock> {
    for (const locks of this.#locks.values()) {
      yield* locks;
    }
  }

  has(owner: object): boolean {
    return this.#locks.has(owner);
  }

  /** The first lock of another owner that `wanted` cannot be beside. */
  conflict(wanted: RangeLock): RangeLock | undefined {
    let first: RangeLock | undefined;
    for (const [owner, locks] of this.#locks) {
      const found =
        owner === wanted.owner
          ? undefined
          : locks.find((lock) => overlap(lock, wanted) && (lock.exclusive || wanted.exclusive));
      if (found !== undefined && (first === undefined || found.start < first.start)) {
        first = found;
      }
    }
    return first;
  }

  /** Locks the range in place of what its owner has there. */
  lock(wanted: RangeLock): void {
    let merged = wanted;
    const rest: RangeLock[] = [];
    for (const lock of this.#remaining(wanted)) {
      if (adjoin(lock, merged)) {
        const start = Math.min(lock.start, merged.start);
        merged = { ...merged, start, end: Math.max(lock.end, merged.end) };
      } else {
        rest.push(lock);
      }
    }
    this.#store(
      wanted.owner,
      [...rest, merged].sort((a, b) => a.start - b.start),
    );
  }

  /** Unlocks what the owner has in the range. */
  unlock(range: RangeLock): void {
    this.#store(range.owner, this.#remaining(range));
  }

  /** Unlocks whatever the owner has; gives whether that was anything. */
  unlockAll(owner: object): boolean {
    return this.#locks.delete(owner);
  }

  #remaining(cut: RangeLock): RangeLock[] {
    return (this.#locks.get(cut.owner) ?? []).flatMap((lock) => without(lock, cut));
  }

  #store(owner: object, locks: RangeLock[]): void {
    if (locks.length === 0) {
      this.#locks.delete(owner);
    } else {
      this.#locks.set(owner, locks);
    }
  }
}

/** Extended attributes that are kept in memory, xattr(7). */
import { Errno } from '../abi/errno.js';
import type { MemoryStore } from './memory-store.js';
import type { Xattrs } from './xattrs.js';

/** Flags of setxattr(2). */
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
/** What an attribute takes besides its name and value. */
const ENTRY_BYTES = 256;

export class XattrSet implements Xattrs {
  readonly #values = new Map<string, Uint8Array>();
  #isGone = false;

  constructor(readonly store: MemoryStore) {}

  get(name: string, out: Uint8Array): number {
    const value = this.#values.get(name);
    if (value === undefined) {
      return -Errno.ENODATA;
    }
    if (out.length > 0) {
      if (out.length < value.length) {
        return -Errno.ERANGE;
      }
      out.set(value);
    }
    return value.length;
  }

  set(name: string, value: Uint8Array, flags: number): number {
    // Nobody would give back what is set after the end.
    if (this.#isGone) {
      return -Errno.ENOENT;
    }
    const before = this.#values.get(name);
    if (before !== undefined && flags & XATTR_CREATE) {
      return -Errno.EEXIST;
    }
    if (before === undefined && flags & XATTR_REPLACE) {
      return -Errno.ENODATA;
    }
    if (!this.store.takeBytes(sizeOf(name, value))) {
      return -Errno.ENOSPC;
    }
    if (before !== undefined) {
      this.store.giveBytes(sizeOf(name, before));
    }
    this.#values.set(name, value.slice());
    return 0;
  }

  remove(name: string): number {
    const value = this.#values.get(name);
    if (value === undefined) {
      return -Errno.ENODATA;
    }
    this.#values.delete(name);
    this.store.giveBytes(sizeOf(name, value));
    return 0;
  }

  list(out: Uint8Array): number {
    const names = Buffer.from(
      [...this.#values.keys()].map((name) => `${name}\0`).join(''),
      'latin1',
    );
    if (out.length > 0) {
      if (out.length < names.length) {
        return -Errno.ERANGE;
      }
      out.set(names);
    }
    return names.length;
  }

  /** The object is gone. */
  dispose(): void {
    this.#isGone = true;
    for (const name of [...this.#values.keys()]) {
      this.remove(name);
    }
  }
}

function sizeOf(name: string, value: Uint8Array): number {
  return ENTRY_BYTES + name.length + value.length;
}

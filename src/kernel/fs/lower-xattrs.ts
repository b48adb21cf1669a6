/** Extended attributes of a host object beneath an overlay: its own until one is changed, then those of users in memory. */
import { Errno } from '../abi/errno.js';
import { HostXattrs } from './host-inode.js';
import type { LowerObject } from './lower-object.js';
import type { MemoryStore } from './memory-store.js';
import { now } from './time-stamp.js';
import { XattrSet } from './xattr-set.js';
import type { Xattrs } from './xattrs.js';

const USER = 'user.';
/** XATTR_LIST_MAX and XATTR_SIZE_MAX */
const SIZE_MAX = 65536;

export class LowerXattrs implements Xattrs {
  readonly #host: Xattrs;
  #own: XattrSet | undefined;

  constructor(
    readonly object: LowerObject,
    readonly store: MemoryStore,
  ) {
    this.#host = new HostXattrs(object);
  }

  get(name: string, out: Uint8Array): number {
    const own = name.startsWith(USER) ? this.#own : undefined;
    return (own ?? this.#host).get(name, out);
  }

  set(name: string, value: Uint8Array, flags: number): number {
    const own = this.#copyUp();
    return typeof own === 'number' ? own : this.#changed(own.set(name, value, flags));
  }

  remove(name: string): number {
    const own = this.#copyUp();
    return typeof own === 'number' ? own : this.#changed(own.remove(name));
  }

  list(out: Uint8Array): number {
    if (this.#own === undefined) {
      return this.#host.list(out);
    }
    const names = this.#hostNames().filter((name) => !name.startsWith(USER));
    const kept = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
    const count = this.#own.list(out.subarray(kept.length));
    if (count < 0 || out.length === 0) {
      return count < 0 ? count : count + kept.length;
    }
    if (out.length < kept.length + count) {
      return -Errno.ERANGE;
    }
    out.set(kept);
    return kept.length + count;
  }

  dispose(): void {
    this.#own?.dispose();
  }

  #changed(result: number): number {
    if (result === 0) {
      this.object.own().setTime('ctime', now());
    }
    return result;
  }

  #hostNames(): string[] {
    const bytes = Buffer.alloc(SIZE_MAX);
    const length = this.#host.list(bytes);
    return length <= 0 ? [] : bytes.toString('latin1', 0, length - 1).split('\0');
  }

  /** The host's attributes of users, in memory; -ENOSPC. */
  #copyUp(): XattrSet | number {
    if (this.#own !== undefined) {
      return this.#own;
    }
    const own = new XattrSet(this.store);
    const value = new Uint8Array(SIZE_MAX);
    for (const name of this.#hostNames().filter((each) => each.startsWith(USER))) {
      const length = this.#host.get(name, value);
      const error = length < 0 ? 0 : own.set(name, value.subarray(0, length), 0);
      if (error < 0) {
        own.dispose();
        return error;
      }
    }
    return (this.#own = own);
  }
}

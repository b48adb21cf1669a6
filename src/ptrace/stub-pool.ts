/**
 * Stub processes that no address space has at the moment: making one is the dear part of an address space, and one
 * whose mappings are still wanted need not be filled again. Both kinds are few; what is beyond is ended.
 */
import {
  nativePtrace,
  type NativeTraceMachine,
  type NativeTraceSpace,
} from '../host/native-ptrace.js';
import type { MemoryFile } from '../memory/memory-file.js';
import { UnavailableError } from '../platform/errors.js';
import { Mappings } from '../platform/mappings.js';

/** Where mapped bytes come from, as far as this platform has to know: the memory file, or a host file. */
export type Source = MemoryFile | 'host file';

/** A stub process, and the record of what it has mapped. */
export interface Stub {
  readonly native: NativeTraceSpace;
  readonly mappings: Mappings<Source>;
}

export const MAX_EMPTY = 8;
export const MAX_KEPT = 8;

export class StubPool {
  readonly #machine: NativeTraceMachine;
  /** With nothing mapped. */
  readonly #empty: Stub[] = [];
  /** With the mappings of the address space that was released last by this id; the oldest first. */
  readonly #kept = new Map<object, Stub>();
  #closed = false;

  constructor(machine: NativeTraceMachine) {
    this.#machine = machine;
  }

  /** A stub with the mappings of `id`, or with none. @throws {UnavailableError} where no stub can be made */
  take(id?: object): Stub {
    const kept = id === undefined ? undefined : this.#kept.get(id);
    if (kept !== undefined && id !== undefined) {
      this.#kept.delete(id);
      return kept;
    }
    return this.#empty.pop() ?? this.#make();
  }

  /** Takes over a stub in which nothing runs. */
  give(stub: Stub, id?: object): void {
    if (this.#closed || id === undefined) {
      this.#retire(stub);
      return;
    }
    const before = this.#kept.get(id);
    this.#kept.delete(id);
    this.#kept.set(id, stub);
    if (before !== undefined) this.#retire(before);
    if (this.#kept.size > MAX_KEPT) this.#forgetOldest();
  }

  /** Ends every stub, and those that are given back later. */
  close(): void {
    this.#closed = true;
    for (const stub of [...this.#empty.splice(0), ...this.#kept.values()]) stub.native.release();
    this.#kept.clear();
  }

  #make(): Stub {
    try {
      return { native: new nativePtrace.Space(this.#machine), mappings: new Mappings() };
    } catch (error) {
      // Where the host gives no more processes, one that is only kept in store serves.
      this.#forgetOldest();
      const stub = this.#empty.pop();
      if (stub !== undefined) return stub;
      const message = error instanceof Error ? error.message : String(error);
      throw new UnavailableError(`processes cannot be traced here: ${message}`, { cause: error });
    }
  }

  #forgetOldest(): void {
    for (const [id, stub] of this.#kept) {
      this.#kept.delete(id);
      this.#retire(stub);
      return;
    }
  }

  /** Unmaps everything, and keeps the stub or ends it. */
  #retire(stub: Stub): void {
    const { native } = stub;
    if (this.#closed || this.#empty.length >= MAX_EMPTY || native.clear() < 0) native.release();
    else this.#empty.push({ native, mappings: new Mappings() });
  }
}

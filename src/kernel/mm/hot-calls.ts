/**
 * From where in files system calls are made, and how often, by all programs of one identity together: so a place that
 * many processes use a few times each is known as one that is used often, and is rewritten when its page is brought in.
 * What one identity does says nothing to another's programs.
 */
import { pageRoundDown } from '../../platform/file-range.js';
import type { GuestMemory } from '../guest.js';
import type { Credentials } from '../task/credentials.js';
import type { Mappable } from './mappable.js';

/** Places that are remembered of one file, and files of a sandbox. */
const MOST_PLACES = 256;
const MOST_FILES = 256;

/** How often a call has been made from a place. */
export interface Usage {
  /** Byte offset in the file. */
  readonly offset: number;
  /** Of the system call. */
  readonly number: number;
  calls: number;
}

class KnownFile {
  /** By offset of their page, and there by their own. */
  readonly pages = new Map<number, Map<number, Usage>>();
  #places = 0;

  at(offset: number, number: number): Usage {
    const page = pageRoundDown(offset);
    const usages = this.pages.get(page) ?? new Map<number, Usage>();
    const known = usages.get(offset);
    if (known?.number === number) return known;
    const usage = { offset, number, calls: 0 };
    if (known === undefined && this.#places++ >= MOST_PLACES) return usage;
    this.pages.set(page, usages.set(offset, usage));
    return usage;
  }

  forget(): void {
    this.pages.clear();
    this.#places = 0;
  }
}

const NONE: ReadonlyMap<number, ReadonlyMap<number, Usage>> = new Map();
const bySandbox = new WeakMap<GuestMemory, HotCalls>();

export class HotCalls {
  /** `Credentials` never change: whoever takes on another identity has another object. */
  readonly #files = new WeakMap<Credentials, WeakMap<Mappable, KnownFile>>();
  /** The longest known first. */
  readonly #known = new Set<KnownFile>();

  static of(memory: GuestMemory): HotCalls {
    let found = bySandbox.get(memory);
    if (found === undefined) bySandbox.set(memory, (found = new HotCalls()));
    return found;
  }

  /** The record of a place, made if there is none; where too many are known, it is the caller's alone. */
  at(identity: Credentials, file: Mappable, offset: number, number: number): Usage {
    let files = this.#files.get(identity);
    if (files === undefined) this.#files.set(identity, (files = new WeakMap()));
    let known = files.get(file);
    if (known === undefined) files.set(file, (known = new KnownFile()));
    this.#keep(known);
    return known.at(offset, number);
  }

  /** What is known of a file: places by the offset of their page. */
  pages(identity: Credentials, file: Mappable): ReadonlyMap<number, ReadonlyMap<number, Usage>> {
    return this.#files.get(identity)?.get(file)?.pages ?? NONE;
  }

  #keep(file: KnownFile): void {
    if (this.#known.has(file)) return;
    this.#known.add(file);
    for (const oldest of this.#known) {
      if (this.#known.size <= MOST_FILES) return;
      oldest.forget();
      this.#known.delete(oldest);
    }
  }
}

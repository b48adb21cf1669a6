/**
 * Page tables by the id of the mappings that they hold. Address spaces of one id share them while they live; those of
 * the last to be released are kept for the next. What may be kept is bounded, and given up when pages run short.
 */
import type { NativeMachine } from '../host/native.js';
import type { HostFileSlots } from './host-file-slots.js';
import { PageTables } from './page-tables.js';

const MOST_KEPT = 32;
/** Of kept page tables together. */
const MOST_KEPT_PAGES = 4096;

export class PageTablesCache {
  readonly #machine: NativeMachine;
  readonly #slots: HostFileSlots;
  readonly #byId = new WeakMap<object, PageTables>();
  /** Pages of page tables that nobody uses, the longest unused first. */
  readonly #kept = new Map<PageTables, number>();
  #keptPages = 0;
  #closed = false;
  /** Page tables whose id can still be asked for. */
  readonly #named = new WeakSet<PageTables>();
  readonly #registry = new FinalizationRegistry<PageTables>((tables) => {
    if (tables.users === 0) this.#end(tables);
    else this.#named.delete(tables);
  });

  constructor(machine: NativeMachine, slots: HostFileSlots) {
    this.#machine = machine;
    this.#slots = slots;
  }

  /** Page tables that nobody uses. */
  get kept(): number {
    return this.#kept.size;
  }

  /** Page tables for one user more. */
  acquire(id: object | undefined): PageTables {
    const known = id && this.#byId.get(id);
    const tables = known !== undefined && this.#named.has(known) ? known : this.#make(id);
    this.#forget(tables);
    tables.users++;
    return tables;
  }

  /** One user less. */
  release(tables: PageTables): void {
    if (--tables.users > 0) return;
    // A host file is not kept open for somebody who may never come.
    if (this.#closed || !this.#named.has(tables) || !tables.files.isEmpty) this.#end(tables);
    else this.#keep(tables);
  }

  /** Keeps nothing from now on. */
  close(): void {
    this.#closed = true;
    this.#relieve();
  }

  #make(id: object | undefined): PageTables {
    const tables = new PageTables(this.#machine, this.#slots, () => this.#relieve());
    if (id === undefined) return tables;
    this.#byId.set(id, tables);
    this.#named.add(tables);
    this.#registry.register(id, tables, tables);
    return tables;
  }

  #keep(tables: PageTables): void {
    const pages = tables.native.tablePages();
    this.#kept.set(tables, pages);
    this.#keptPages += pages;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MOST_KEPT && this.#keptPages <= MOST_KEPT_PAGES) return;
      this.#end(oldest);
    }
  }

  /** Gives up all that is kept; whether there was any. */
  #relieve(): boolean {
    const some = this.#kept.size > 0;
    for (const tables of this.#kept.keys()) this.#end(tables);
    return some;
  }

  #end(tables: PageTables): void {
    this.#forget(tables);
    this.#named.delete(tables);
    this.#registry.unregister(tables);
    tables.release();
  }

  /** Is no longer of those that nobody uses. */
  #forget(tables: PageTables): void {
    this.#keptPages -= this.#kept.get(tables) ?? 0;
    this.#kept.delete(tables);
  }
}

/**
 * What an address space maps of host files. Only pages below a file's end have entries in the page tables; a fault at
 * one behind it is looked at here, as the file may have grown since. Where a file has shrunk beneath its entries, the
 * host has no memory to give, and the entries go.
 */
import type { NativeMachine } from '../host/native.js';
import { Access, type AccessType } from '../platform/access.js';
import { pageRoundDown, pageRoundUp, type FileRange } from '../platform/file-range.js';
import { Mappings, permits } from '../platform/mappings.js';
import type { HostFileSlots, MappedFile } from './host-file-slots.js';
import { check, type PageTables } from './page-tables.js';

/** What a fault at a mapping of a host file was. */
export const FileFault = {
  /** There is an entry now: the access can be tried again. */
  Mended: 0,
  /** It is mapped for other kinds of access. */
  Denied: 1,
  /** The file ends before it, or no memory is left to map it. */
  Absent: 2,
} as const;
export type FileFault = (typeof FileFault)[keyof typeof FileFault];

export class HostFileMappings {
  readonly #tables: PageTables;
  readonly #slots: HostFileSlots;
  readonly #machine: NativeMachine;
  readonly #mappings = new Mappings<MappedFile>();

  constructor(tables: PageTables, slots: HostFileSlots, machine: NativeMachine) {
    this.#tables = tables;
    this.#slots = slots;
    this.#machine = machine;
  }

  get isEmpty(): boolean {
    return this.#mappings.isEmpty;
  }

  map(address: number, fd: number, range: FileRange, access: AccessType, precommit: boolean): void {
    const file = this.#slots.open(fd, range, access);
    const end = address + range.end - range.start;
    let entered = address;
    try {
      const present = { start: range.start, end: endOf(file, range) };
      for (const { gpa, length } of this.#slots.pieces(file, present)) {
        const status = this.#tables.enter(entered, gpa, length, access);
        check(status, 'no memory is left for page tables');
        entered += length;
        if (precommit) this.#machine.commit(gpa, length, (access & Access.Write) !== 0);
      }
      if (entered < end) {
        check(
          this.#tables.leave(entered, end - entered),
          'no memory is left to split a large page',
        );
      }
    } catch (error) {
      if (entered > address) this.#tables.leave(address, entered - address);
      this.#slots.release(file, range);
      throw error;
    }
    const mapping = { start: address, end, source: file, offset: range.start, access };
    this.#releaseAll(this.#mappings.set(mapping));
  }

  /** Something else is at these addresses now, or nothing. */
  forget(address: number, length: number): void {
    if (!this.isEmpty) this.#releaseAll(this.#mappings.remove(address, address + length));
  }

  /** An access found no entry at `address`. Undefined where nothing of a host file is mapped. */
  onFault(address: number, access: AccessType): FileFault | undefined {
    const mapping = this.#mappings.at(address);
    if (mapping === undefined) return undefined;
    if (!permits(mapping.access, access)) return FileFault.Denied;
    const page = pageRoundDown(address);
    const start = mapping.offset + page - mapping.start;
    const whole = { start, end: start + mapping.end - page };
    const present = { start, end: endOf(mapping.source, whole) };
    let at = page;
    for (const { gpa, length } of this.#slots.pieces(mapping.source, present)) {
      if (this.#tables.enter(at, gpa, length, mapping.access) < 0) return FileFault.Absent;
      at += length;
    }
    return at > page ? FileFault.Mended : FileFault.Absent;
  }

  /** The host had no memory behind some entry: clears those behind the ends of their files. */
  dropAbsent(): void {
    for (const { start, end, offset, source } of this.#mappings) {
      const range = { start: offset, end: offset + end - start };
      const present = endOf(source, range) - offset;
      if (start + present < end) this.#tables.leave(start + present, end - start - present);
    }
  }

  /** The page tables are gone. */
  clear(): void {
    this.forget(0, Infinity);
  }

  #releaseAll(removed: ReturnType<Mappings<MappedFile>['remove']>): void {
    for (const { source, start, end, offset } of removed) {
      this.#slots.release(source, { start: offset, end: offset + end - start });
    }
  }
}

/** Where in `range` the file ends, rounded up to a page. */
function endOf(file: MappedFile, range: FileRange): number {
  return Math.min(range.end, Math.max(range.start, pageRoundUp(file.host.size())));
}

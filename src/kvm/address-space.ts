/** A virtual address space: page tables, which those of one id share. */
import type { NativeMachine, NativeSpace } from '../host/native.js';
import type { MemoryFile } from '../memory/memory-file.js';
import { Access, type AccessType } from '../platform/access.js';
import { AddressSpaceBase, type UserAddresses } from '../platform/address-space-base.js';
import { PlatformError } from '../platform/errors.js';
import { formatRange, type FileRange } from '../platform/file-range.js';
import type { CallSites } from '../platform/contract.js';
import { KvmCallSites } from './call-sites.js';
import { FileFault } from './host-file-mappings.js';
import type { MemorySlots } from './memory-slots.js';
import type { PageTables } from './page-tables.js';

/** What an address space is made of and maps. */
export interface SpaceParts {
  readonly machine: NativeMachine;
  readonly memory: MemoryFile;
  readonly slots: MemorySlots;
  readonly userAddresses: UserAddresses;
  readonly hasCallSites: boolean;
}

export class KvmAddressSpace extends AddressSpaceBase {
  readonly #parts: SpaceParts;
  readonly #tables: PageTables;
  readonly #onRelease: () => void;
  readonly callSites: CallSites | undefined;
  readonly prefersPrecommit = true;

  constructor(parts: SpaceParts, tables: PageTables, onRelease: () => void) {
    super(parts.userAddresses);
    this.#parts = parts;
    this.#tables = tables;
    this.#onRelease = onRelease;
    if (parts.hasCallSites) this.callSites = new KvmCallSites(tables.native);
  }

  get machine(): NativeMachine {
    return this.#parts.machine;
  }

  get native(): NativeSpace {
    return this.#tables.native;
  }

  protected override map(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void {
    const { machine, memory, slots } = this.#parts;
    if (fd !== memory.fd) {
      this.#tables.files.map(address, fd, range, access, precommit);
      return;
    }
    if (range.end > memory.totalSize()) {
      throw new PlatformError(`${formatRange(range)} is behind the end of the memory file`);
    }
    const length = range.end - range.start;
    const gpa = slots.gpaOf(range);
    this.#tables.map(address, gpa, length, access);
    if (precommit) machine.commit(gpa, length, true);
  }

  protected override remove(address: number, length: number): void {
    this.#tables.unmap(address, length);
  }

  protected override dismantle(): void {
    this.#onRelease();
  }

  protected override read(address: number, dst: Uint8Array): number {
    const { native } = this.#tables;
    const done = native.copyIn(address, dst);
    if (done === dst.length) return done;
    return this.#goOn(address, done, dst.length, Access.Read, (at) =>
      native.copyIn(address + at, dst.subarray(at)),
    );
  }

  protected override write(address: number, src: Uint8Array): number {
    const { native } = this.#tables;
    const done = native.copyOut(address, src);
    if (done === src.length) return done;
    return this.#goOn(address, done, src.length, Access.Write, (at) =>
      native.copyOut(address + at, src.subarray(at)),
    );
  }

  protected override zero(address: number, length: number): number {
    const { native } = this.#tables;
    const done = native.zeroOut(address, length);
    if (done === length) return done;
    return this.#goOn(address, done, length, Access.Write, (at) =>
      native.zeroOut(address + at, length - at),
    );
  }

  protected override swap(address: number, value: number): number {
    const { native } = this.#tables;
    const before = native.swap(address, value);
    return before < 0 && this.#mends(address, Access.Write) ? native.swap(address, value) : before;
  }

  protected override compareAndSwap(address: number, expected: number, value: number): number {
    const { native } = this.#tables;
    const before = native.compareAndSwap(address, expected, value);
    return before < 0 && this.#mends(address, Access.Write)
      ? native.compareAndSwap(address, expected, value)
      : before;
  }

  /** Frees pages of page tables that nobody uses; whether there were any. */
  relieve(): boolean {
    return this.#tables.relieve();
  }

  get mapsHostFiles(): boolean {
    return !this.#tables.files.isEmpty;
  }

  /** A guest's access found no entry at `address`; undefined where nothing of a host file is mapped. */
  onFileFault(address: number, access: AccessType): FileFault | undefined {
    return this.#tables.files.onFault(address, access);
  }

  /** The host had no memory behind an entry that a guest used. */
  onHostFault(): void {
    this.#tables.files.dropAbsent();
  }

  /** Continues an access that stopped at `done`, where a host file has grown to hold it; the bytes done in all. */
  #goOn(
    address: number,
    done: number,
    length: number,
    access: AccessType,
    next: (at: number) => number,
  ): number {
    while (done < length && this.#mends(address + done, access)) {
      const more = next(done);
      if (more === 0) break;
      done += more;
    }
    return done;
  }

  #mends(address: number, access: AccessType): boolean {
    const { files } = this.#tables;
    return !files.isEmpty && files.onFault(address, access) === FileFault.Mended;
  }
}

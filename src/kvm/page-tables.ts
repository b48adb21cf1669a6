/**
 * The page tables of an address space, and which host files they map. Page tables alone know what is mapped of the
 * memory file.
 */
import { constants } from 'node:os';
import { native, type NativeMachine, type NativeSpace } from '../host/native.js';
import type { AccessType } from '../platform/access.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';
import { HostFileMappings } from './host-file-mappings.js';
import type { HostFileSlots } from './host-file-slots.js';

const { EIO, ENOMEM } = constants.errno;

export class PageTables {
  readonly native: NativeSpace;
  readonly files: HostFileMappings;
  /** Address spaces that use them: more than one where those were asked for by the same id. */
  users = 0;
  readonly #relieve: () => boolean;

  /** `relieve` frees pages of other page tables, if there are any to be had. */
  constructor(machine: NativeMachine, slots: HostFileSlots, relieve: () => boolean) {
    this.#relieve = relieve;
    this.native = newSpace(machine, relieve);
    this.files = new HostFileMappings(this, slots, machine);
  }

  /** Maps guest-physical memory, and forgets of host files what was there. */
  map(address: number, gpa: number, length: number, access: AccessType): void {
    check(this.enter(address, gpa, length, access), 'no memory is left for page tables');
    this.files.forget(address, length);
  }

  unmap(address: number, length: number): void {
    check(this.leave(address, length), 'no memory is left to split a large page');
    this.files.forget(address, length);
  }

  /** Writes entries; 0 or -errno. */
  enter(address: number, gpa: number, length: number, access: AccessType): number {
    const status = this.native.map(address, gpa, length, access);
    if (status !== -ENOMEM || !this.#relieve()) return status;
    return this.native.map(address, gpa, length, access);
  }

  /** Clears entries; 0 or -errno. */
  leave(address: number, length: number): number {
    const status = this.native.unmap(address, length);
    if (status !== -ENOMEM || !this.#relieve()) return status;
    return this.native.unmap(address, length);
  }

  /** Frees pages of other page tables; whether there were any. */
  relieve(): boolean {
    return this.#relieve();
  }

  release(): void {
    this.native.release();
    this.files.clear();
  }
}

/** @throws {OutOfMemoryError} or {PlatformError} for a status that is an error */
export function check(status: number, shortage: string): void {
  if (status >= 0) return;
  if (status !== -EIO) throw new OutOfMemoryError(shortage);
  throw new PlatformError(
    'KVM could not drop old translations, so no guest runs on this platform any more; dispose of it',
  );
}

function newSpace(machine: NativeMachine, relieve: () => boolean): NativeSpace {
  try {
    return new native.Space(machine);
  } catch (error) {
    if (relieve()) return new native.Space(machine);
    throw new OutOfMemoryError('no memory is left for page tables', { cause: error });
  }
}

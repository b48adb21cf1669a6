/**
 * A virtual address space: a stub process, and a record of what it has mapped. Copies go by the record through this
 * process's own mapping of the memory file; the stub is not asked.
 */
import {
  nativePtrace,
  type NativeTraceMachine,
  type NativeTraceSpace,
} from '../host/native-ptrace.js';
import type { MemoryFile } from '../memory/memory-file.js';
import { Access, type AccessType } from '../platform/access.js';
import { AddressSpaceBase } from '../platform/address-space-base.js';
import { OutOfMemoryError, PlatformError, UnavailableError } from '../platform/errors.js';
import { formatRange, type FileRange } from '../platform/file-range.js';
import { Mappings, permits } from '../platform/mappings.js';
import { Register, type Registers } from '../platform/registers.js';
import { lacksOpcode, MAX_INSTRUCTION, storesAt } from './store-instruction.js';

const ENOMEM = 12;

/** User addresses end before the stub's page. */
export const MAX_USER_ADDRESS = nativePtrace.stubPage;

export class PtraceAddressSpace extends AddressSpaceBase {
  readonly native: NativeTraceSpace;
  readonly machine: NativeTraceMachine;
  readonly #memory: MemoryFile;
  readonly #onRelease: () => void;
  readonly #mappings = new Mappings<MemoryFile>();

  /** @throws {UnavailableError} where no stub can be made */
  constructor(
    machine: NativeTraceMachine,
    memory: MemoryFile,
    minUserAddress: number,
    onRelease: () => void,
  ) {
    super({ minimum: minUserAddress, maximum: MAX_USER_ADDRESS });
    this.native = newStub(machine);
    this.machine = machine;
    this.#memory = memory;
    this.#onRelease = onRelease;
  }

  protected override map(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void {
    const { start, end } = range;
    const length = end - start;
    if (fd !== this.#memory.fd) {
      throw new PlatformError(
        `descriptor ${fd} is not the memory file's; only ranges of the platform's memory can be mapped`,
      );
    }
    if (end > this.#memory.totalSize()) {
      throw new PlatformError(`${formatRange(range)} is behind the end of the memory file`);
    }
    const status = this.native.map(address, start, length, access, precommit);
    if (status < 0) throw failure('map', status);
    this.#mappings.set({
      start: address,
      end: address + length,
      source: this.#memory,
      offset: start,
      access,
    });
  }

  protected override remove(address: number, length: number): void {
    const status = this.native.unmap(address, length);
    if (status < 0) throw failure('unmap', status);
    this.#mappings.remove(address, address + length);
  }

  protected override dismantle(): void {
    this.native.release();
    this.#onRelease();
  }

  protected override read(address: number, dst: Uint8Array): number {
    return this.#each(address, dst.length, Access.Read, (block, done) => {
      dst.set(block, done);
    });
  }

  protected override write(address: number, src: Uint8Array): number {
    return this.#each(address, src.length, Access.Write, (block, done) => {
      block.set(src.subarray(done, done + block.length));
    });
  }

  protected override zero(address: number, length: number): number {
    return this.#each(address, length, Access.Write, (block) => {
      block.fill(0);
    });
  }

  protected override swap(address: number, value: number): number {
    const offset = this.#wordOffset(address);
    return offset < 0 ? -1 : nativePtrace.swapUint32(this.#memory.native, offset, value);
  }

  protected override compareAndSwap(address: number, expected: number, value: number): number {
    const offset = this.#wordOffset(address);
    return offset < 0
      ? -1
      : nativePtrace.compareAndSwapUint32(this.#memory.native, offset, expected, value);
  }

  /**
   * What kind of access a page fault was. `wasMapped`: the page was there, with less access than was asked for; as
   * what is mapped can be read, that was a store or a fetch.
   */
  accessOfFault(address: number, registers: Registers, wasMapped: boolean): AccessType {
    const rip = registers.getNumber(Register.Rip);
    const executable = ((this.#mappings.at(rip)?.access ?? 0) & Access.Execute) !== 0;
    if (address === rip && !(wasMapped && executable)) return Access.Execute;
    if (wasMapped) return Access.Write;
    const code = new Uint8Array(MAX_INSTRUCTION);
    const known = code.subarray(0, this.tryCopyIn(rip, code));
    if (address === rip + known.length && lacksOpcode(known)) return Access.Execute;
    return storesAt(known, registers, address) ? Access.Write : Access.Read;
  }

  /** Calls `visit` with views of the guest's memory; gives the bytes before the first that may not be accessed. */
  #each(
    address: number,
    length: number,
    access: AccessType,
    visit: (block: Uint8Array, done: number) => void,
  ): number {
    let done = 0;
    while (done < length) {
      const from = address + done;
      const mapping = this.#mappings.at(from);
      if (mapping === undefined || !permits(mapping.access, access)) break;
      const count = Math.min(length - done, mapping.end - from);
      const start = mapping.offset + from - mapping.start;
      for (const block of this.#memory.mapInternal({ start, end: start + count }, access)) {
        visit(block, done);
        done += block.length;
      }
    }
    return done;
  }

  /** Offset in the memory file of a word that may be written, or -1. */
  #wordOffset(address: number): number {
    const mapping = this.#mappings.at(address);
    if (mapping === undefined || !permits(mapping.access, Access.Write)) return -1;
    return mapping.offset + address - mapping.start;
  }
}

/** ENOMEM: the host's count of mappings in a process is reached (vm.max_map_count), or its memory. */
function failure(what: string, status: number): Error {
  const message = `the host cannot ${what} memory in the stub process: errno ${-status}`;
  return status === -ENOMEM ? new OutOfMemoryError(message) : new PlatformError(message);
}

function newStub(machine: NativeTraceMachine): NativeTraceSpace {
  try {
    return new nativePtrace.Space(machine);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`processes cannot be traced here: ${message}`, {
      cause: error,
    });
  }
}

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
import type { AddressSpace } from '../platform/contract.js';
import {
  OutOfMemoryError,
  PlatformError,
  SegmentationFault,
  UnavailableError,
} from '../platform/errors.js';
import { formatRange, isPageAligned, type FileRange } from '../platform/file-range.js';
import { Register, type Registers } from '../platform/registers.js';
import { Mappings } from './mappings.js';
import { MAX_INSTRUCTION, storesAt } from './store-instruction.js';

const ENOMEM = 12;

/** User addresses end before the stub's page. */
export const MAX_USER_ADDRESS = nativePtrace.stubPage;

export class PtraceAddressSpace implements AddressSpace {
  readonly native: NativeTraceSpace;
  readonly machine: NativeTraceMachine;
  readonly #memory: MemoryFile;
  readonly #minUserAddress: number;
  readonly #onRelease: () => void;
  readonly #mappings = new Mappings();
  #switches = 0;
  #released = false;

  /** @throws {UnavailableError} where no stub can be made */
  constructor(
    machine: NativeTraceMachine,
    memory: MemoryFile,
    minUserAddress: number,
    onRelease: () => void,
  ) {
    this.native = newStub(machine);
    this.machine = machine;
    this.#memory = memory;
    this.#minUserAddress = minUserAddress;
    this.#onRelease = onRelease;
  }

  mapFile(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void {
    const { start, end } = range;
    const length = end - start;
    this.#checkRange(address, length);
    if (!isPageAligned(start) || start < 0) {
      throw new PlatformError(`file range ${formatRange(range)} does not begin on a page boundary`);
    }
    if ((access & ~7) !== 0 || access === 0) {
      throw new PlatformError('a mapping needs read, write or execute access');
    }
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
    this.#mappings.set({ start: address, end: address + length, offset: start, access });
  }

  unmap(address: number, length: number): void {
    this.#checkRange(address, length);
    const status = this.native.unmap(address, length);
    if (status < 0) throw failure('unmap', status);
    this.#mappings.remove(address, address + length);
  }

  release(): void {
    if (this.#released) return;
    if (this.#switches > 0) {
      throw new PlatformError(
        'interrupt the contexts that run in the address space and await their switches before releasing it',
      );
    }
    this.end();
  }

  /** Releases it where nothing can run any more, whatever is still to be told so. */
  end(): void {
    this.#released = true;
    this.native.release();
    this.#onRelease();
  }

  /** A switch begins, which `leave` ends: the stub must stay. */
  enter(): void {
    this.#checkUsable();
    this.#switches++;
  }

  leave(): void {
    this.#switches--;
  }

  tryCopyIn(address: number, dst: Uint8Array): number {
    return this.#each(address, dst.length, Access.Read, (block, done) => {
      dst.set(block, done);
    });
  }

  tryCopyOut(address: number, src: Uint8Array): number {
    return this.#each(address, src.length, Access.Write, (block, done) => {
      block.set(src.subarray(done, done + block.length));
    });
  }

  copyIn(address: number, dst: Uint8Array): void {
    const done = this.tryCopyIn(address, dst);
    if (done < dst.length) throw new SegmentationFault(address + done, done, Access.Read);
  }

  copyOut(address: number, src: Uint8Array): void {
    const done = this.tryCopyOut(address, src);
    if (done < src.length) throw new SegmentationFault(address + done, done, Access.Write);
  }

  zeroOut(address: number, length: number): void {
    const done = this.#each(address, length, Access.Write, (block) => {
      block.fill(0);
    });
    if (done < length) throw new SegmentationFault(address + done, done, Access.Write);
  }

  swapUint32(address: number, value: number): number {
    return nativePtrace.swapUint32(this.#memory.native, this.#wordOffset(address), value);
  }

  compareAndSwapUint32(address: number, expected: number, value: number): number {
    const offset = this.#wordOffset(address);
    return nativePtrace.compareAndSwapUint32(this.#memory.native, offset, expected, value);
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
    const length = this.tryCopyIn(rip, code);
    return storesAt(code.subarray(0, length), registers, address) ? Access.Write : Access.Read;
  }

  #checkUsable(): void {
    if (this.#released) throw new PlatformError('the address space has been released');
  }

  /** Calls `visit` with views of the guest's memory; gives the bytes before the first that may not be accessed. */
  #each(
    address: number,
    length: number,
    access: AccessType,
    visit: (block: Uint8Array, done: number) => void,
  ): number {
    if (this.#released) return 0;
    let done = 0;
    while (done < length) {
      const from = address + done;
      const mapping = this.#mappings.at(from);
      // What is mapped can be read.
      if (mapping === undefined || ((mapping.access | Access.Read) & access) === 0) break;
      const count = Math.min(length - done, mapping.end - from);
      const start = mapping.offset + from - mapping.start;
      for (const block of this.#memory.mapInternal({ start, end: start + count }, access)) {
        visit(block, done);
        done += block.length;
      }
    }
    return done;
  }

  #wordOffset(address: number): number {
    this.#checkUsable();
    if (address % 4 !== 0) throw new PlatformError('an atomic word lies at a multiple of 4');
    const mapping = this.#mappings.at(address);
    if (mapping === undefined || (mapping.access & Access.Write) === 0) {
      throw new SegmentationFault(address, 0, Access.Write);
    }
    return mapping.offset + address - mapping.start;
  }

  #checkRange(address: number, length: number): void {
    this.#checkUsable();
    if (!isPageAligned(address) || !isPageAligned(length) || length <= 0) {
      throw new PlatformError(
        `0x${address.toString(16)}, length ${length}, is not a range of whole pages`,
      );
    }
    if (address < this.#minUserAddress || address + length > MAX_USER_ADDRESS) {
      throw new PlatformError(`0x${address.toString(16)} is outside the user's address range`);
    }
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

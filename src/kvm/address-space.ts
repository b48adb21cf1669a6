/** A virtual address space: page tables built by the native layer over the memory slots. */
import { native, type NativeMachine, type NativeSpace } from '../host/native.js';
import type { MemoryFile } from '../memory/memory-file.js';
import { Access, type AccessType } from '../platform/access.js';
import type { AddressSpace } from '../platform/contract.js';
import { OutOfMemoryError, PlatformError, SegmentationFault } from '../platform/errors.js';
import { PAGE_SIZE, formatRange, isPageAligned, type FileRange } from '../platform/file-range.js';
import type { MemorySlots } from './memory-slots.js';

/** User addresses end a page before 2^47: a SYSCALL in the last page would return to a non-canonical address. */
export const MIN_USER_ADDRESS = PAGE_SIZE;
export const MAX_USER_ADDRESS = 2 ** 47 - PAGE_SIZE;

export class KvmAddressSpace implements AddressSpace {
  readonly native: NativeSpace;
  readonly machine: NativeMachine;
  readonly #memory: MemoryFile;
  readonly #slots: MemorySlots;
  readonly #onRelease: () => void;
  #switches = 0;
  #released = false;

  constructor(
    machine: NativeMachine,
    memory: MemoryFile,
    slots: MemorySlots,
    onRelease: () => void,
  ) {
    this.native = new native.Space(machine);
    this.machine = machine;
    this.#memory = memory;
    this.#slots = slots;
    this.#onRelease = onRelease;
  }

  mapFile(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    _precommit: boolean,
  ): void {
    const length = range.end - range.start;
    this.#checkRange(address, length);
    if (!isPageAligned(range.start) || range.start < 0) {
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
    const status = this.native.map(address, this.#slots.gpaOf(range), length, access);
    if (status < 0) throw new OutOfMemoryError('no memory is left for page tables');
  }

  unmap(address: number, length: number): void {
    this.#checkRange(address, length);
    const status = this.native.unmap(address, length);
    if (status < 0) throw new OutOfMemoryError('no memory is left to split a large page');
  }

  release(): void {
    if (this.#switches > 0) {
      throw new PlatformError(
        'interrupt the contexts that run in the address space and await their switches before releasing it',
      );
    }
    this.end();
  }

  /** Releases it where nothing can run any more, whatever is still to be told so. */
  end(): void {
    if (this.#released) return;
    this.#released = true;
    this.native.release();
    this.#onRelease();
  }

  tryCopyIn(address: number, dst: Uint8Array): number {
    return this.#released ? 0 : this.native.copyIn(address, dst);
  }

  tryCopyOut(address: number, src: Uint8Array): number {
    return this.#released ? 0 : this.native.copyOut(address, src);
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
    const done = this.#released ? 0 : this.native.zeroOut(address, length);
    if (done < length) throw new SegmentationFault(address + done, done, Access.Write);
  }

  swapUint32(address: number, value: number): number {
    this.#checkWord(address);
    return this.#orFault(address, this.native.swap(address, value));
  }

  compareAndSwapUint32(address: number, expected: number, value: number): number {
    this.#checkWord(address);
    return this.#orFault(address, this.native.compareAndSwap(address, expected, value));
  }

  /** A switch begins, which `leave` ends: the page tables must stay. */
  enter(): void {
    this.#checkUsable();
    this.#switches++;
  }

  leave(): void {
    this.#switches--;
  }

  #checkUsable(): void {
    if (this.#released) throw new PlatformError('the address space has been released');
  }

  #checkRange(address: number, length: number): void {
    this.#checkUsable();
    if (!isPageAligned(address) || !isPageAligned(length) || length <= 0) {
      throw new PlatformError(
        `0x${address.toString(16)}, length ${length}, is not a range of whole pages`,
      );
    }
    if (address < MIN_USER_ADDRESS || address + length > MAX_USER_ADDRESS) {
      throw new PlatformError(`0x${address.toString(16)} is outside the user's address range`);
    }
  }

  #checkWord(address: number): void {
    this.#checkUsable();
    if (address % 4 !== 0) throw new PlatformError('an atomic word lies at a multiple of 4');
  }

  #orFault(address: number, value: number): number {
    if (value < 0) throw new SegmentationFault(address, 0, Access.Write);
    return value;
  }
}

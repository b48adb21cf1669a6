/** A virtual address space: page tables built by the native layer over the memory slots. */
import { native, type NativeMachine, type NativeSpace } from '../host/native.js';
import type { MemoryFile } from '../memory/memory-file.js';
import type { AccessType } from '../platform/access.js';
import { AddressSpaceBase } from '../platform/address-space-base.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';
import { PAGE_SIZE, formatRange, type FileRange } from '../platform/file-range.js';
import type { MemorySlots } from './memory-slots.js';

/** User addresses end a page before 2^47: a SYSCALL in the last page would return to a non-canonical address. */
export const MIN_USER_ADDRESS = PAGE_SIZE;
export const MAX_USER_ADDRESS = 2 ** 47 - PAGE_SIZE;

export class KvmAddressSpace extends AddressSpaceBase {
  readonly native: NativeSpace;
  readonly machine: NativeMachine;
  readonly #memory: MemoryFile;
  readonly #slots: MemorySlots;
  readonly #onRelease: () => void;

  constructor(
    machine: NativeMachine,
    memory: MemoryFile,
    slots: MemorySlots,
    onRelease: () => void,
  ) {
    super({ minimum: MIN_USER_ADDRESS, maximum: MAX_USER_ADDRESS });
    this.native = new native.Space(machine);
    this.machine = machine;
    this.#memory = memory;
    this.#slots = slots;
    this.#onRelease = onRelease;
  }

  protected override map(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    _precommit: boolean,
  ): void {
    if (fd !== this.#memory.fd) {
      throw new PlatformError(
        `descriptor ${fd} is not the memory file's; only ranges of the platform's memory can be mapped`,
      );
    }
    if (range.end > this.#memory.totalSize()) {
      throw new PlatformError(`${formatRange(range)} is behind the end of the memory file`);
    }
    const length = range.end - range.start;
    const status = this.native.map(address, this.#slots.gpaOf(range), length, access);
    if (status < 0) throw new OutOfMemoryError('no memory is left for page tables');
  }

  protected override remove(address: number, length: number): void {
    const status = this.native.unmap(address, length);
    if (status < 0) throw new OutOfMemoryError('no memory is left to split a large page');
  }

  protected override dismantle(): void {
    this.native.release();
    this.#onRelease();
  }

  protected override read(address: number, dst: Uint8Array): number {
    return this.native.copyIn(address, dst);
  }

  protected override write(address: number, src: Uint8Array): number {
    return this.native.copyOut(address, src);
  }

  protected override zero(address: number, length: number): number {
    return this.native.zeroOut(address, length);
  }

  protected override swap(address: number, value: number): number {
    return this.native.swap(address, value);
  }

  protected override compareAndSwap(address: number, expected: number, value: number): number {
    return this.native.compareAndSwap(address, expected, value);
  }
}

/** What address spaces are on every platform: their preconditions, the forms of their IO that throw, and their end. */
import { Access, type AccessType } from './access.js';
import type { EnterableSpace } from './context-base.js';
import type { AddressSpace } from './contract.js';
import { PlatformError, SegmentationFault } from './errors.js';
import { formatRange, isPageAligned, type FileRange } from './file-range.js';

const EVERY_ACCESS = Access.Read | Access.Write | Access.Execute;

/** What may be mapped: [minimum, maximum). */
export interface UserAddresses {
  readonly minimum: number;
  readonly maximum: number;
}

export abstract class AddressSpaceBase implements AddressSpace, EnterableSpace {
  abstract readonly prefersPrecommit: boolean;
  #switches = 0;
  #released = false;

  protected constructor(private readonly userAddresses: UserAddresses) {}

  /** `mapFile`, its arguments checked but for `fd`. */
  protected abstract map(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void;
  /** `unmap`, its arguments checked. */
  protected abstract remove(address: number, length: number): void;
  /** Gives back what it holds, where nothing runs in it any more. Called once. */
  protected abstract dismantle(): void;
  /** Bytes done before the first address that faults; `address` may be any number. */
  protected abstract read(address: number, dst: Uint8Array): number;
  protected abstract write(address: number, src: Uint8Array): number;
  protected abstract zero(address: number, length: number): number;
  /** The value before, or -1 for a fault. */
  protected abstract swap(address: number, value: number): number;
  protected abstract compareAndSwap(address: number, expected: number, value: number): number;

  mapFile(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void {
    const { start, end } = range;
    const whole = isPageAligned(start) && isPageAligned(end) && Number.isSafeInteger(end);
    if (!whole || start < 0 || start >= end) {
      throw new PlatformError(`${formatRange(range)} of a file is not a range of whole pages`);
    }
    this.#checkAddresses(address, end - start);
    if ((access & ~EVERY_ACCESS) !== 0 || access === 0) {
      throw new PlatformError('a mapping needs read, write or execute access');
    }
    this.map(address, fd, range, access, precommit);
  }

  unmap(address: number, length: number): void {
    this.#checkAddresses(address, length);
    this.remove(address, length);
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
    this.dismantle();
  }

  /** A switch begins, which `leave` ends: what it runs on must stay. */
  enter(): void {
    this.#checkUsable();
    this.#switches++;
  }

  leave(): void {
    this.#switches--;
  }

  tryCopyIn(address: number, dst: Uint8Array): number {
    return this.#released ? 0 : this.read(address, dst);
  }

  tryCopyOut(address: number, src: Uint8Array): number {
    return this.#released ? 0 : this.write(address, src);
  }

  copyIn(address: number, dst: Uint8Array): void {
    this.#checkUsable();
    const done = this.read(address, dst);
    if (done < dst.length) throw new SegmentationFault(address + done, done, Access.Read);
  }

  copyOut(address: number, src: Uint8Array): void {
    this.#checkUsable();
    const done = this.write(address, src);
    if (done < src.length) throw new SegmentationFault(address + done, done, Access.Write);
  }

  zeroOut(address: number, length: number): void {
    this.#checkUsable();
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new PlatformError(`${length} is no number of bytes`);
    }
    const done = this.zero(address, length);
    if (done < length) throw new SegmentationFault(address + done, done, Access.Write);
  }

  swapUint32(address: number, value: number): number {
    this.#checkWord(address);
    return orFault(address, this.swap(address, value));
  }

  compareAndSwapUint32(address: number, expected: number, value: number): number {
    this.#checkWord(address);
    return orFault(address, this.compareAndSwap(address, expected, value));
  }

  #checkUsable(): void {
    if (this.#released) throw new PlatformError('the address space has been released');
  }

  #checkAddresses(address: number, length: number): void {
    this.#checkUsable();
    if (!isPageAligned(address) || !isPageAligned(length) || length <= 0) {
      throw new PlatformError(
        `0x${address.toString(16)}, length ${length}, is not a range of whole pages`,
      );
    }
    const { minimum, maximum } = this.userAddresses;
    if (address < minimum || address + length > maximum) {
      throw new PlatformError(
        `0x${address.toString(16)}, length ${length}, is outside the user's addresses, ` +
          `which are 0x${minimum.toString(16)} to 0x${maximum.toString(16)}`,
      );
    }
  }

  #checkWord(address: number): void {
    this.#checkUsable();
    if (address % 4 !== 0) throw new PlatformError('an atomic word lies at a multiple of 4');
  }
}

function orFault(address: number, value: number): number {
  if (value < 0) throw new SegmentationFault(address, 0, Access.Write);
  return value;
}

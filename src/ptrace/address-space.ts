/**
 * A virtual address space: a stub process, and a record of what it has mapped. Copies to and from the memory go by the
 * record through this process's own mapping of it, without asking the stub. Of host files this process has no mapping,
 * and so no fault where one is truncated: the host copies to and from the stub.
 */
import {
  nativePtrace,
  type NativeTraceMachine,
  type NativeTraceSpace,
} from '../host/native-ptrace.js';
import { identifyFile } from '../memory/host-file.js';
import type { MemoryFile } from '../memory/memory-file.js';
import { Access, type AccessType } from '../platform/access.js';
import { AddressSpaceBase, type UserAddresses } from '../platform/address-space-base.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';
import { formatRange, type FileRange } from '../platform/file-range.js';
import { permits } from '../platform/mappings.js';
import type { Stub } from './stub-pool.js';

const EPERM = 1;
const ENOMEM = 12;
const EACCES = 13;
const ENODEV = 19;
const ZEROES = new Uint8Array(65536);

export interface PtraceAddressSpaceOptions {
  readonly machine: NativeTraceMachine;
  readonly memory: MemoryFile;
  readonly userAddresses: UserAddresses;
  readonly stub: Stub;
  /** Takes the stub back. */
  readonly onRelease: (stub: Stub) => void;
}

export class PtraceAddressSpace extends AddressSpaceBase {
  readonly prefersPrecommit = false;
  readonly machine: NativeTraceMachine;
  readonly #memory: MemoryFile;
  readonly #stub: Stub;
  readonly #onRelease: (stub: Stub) => void;

  constructor(options: PtraceAddressSpaceOptions) {
    super(options.userAddresses);
    this.machine = options.machine;
    this.#memory = options.memory;
    this.#stub = options.stub;
    this.#onRelease = options.onRelease;
  }

  get native(): NativeTraceSpace {
    return this.#stub.native;
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
    const ofMemory = fd === this.#memory.fd;
    if (!ofMemory) identifyFile(fd, access);
    else if (end > this.#memory.totalSize()) {
      throw new PlatformError(`${formatRange(range)} is behind the end of the memory file`);
    }
    const status = ofMemory
      ? this.native.map(address, start, length, access, precommit)
      : this.native.mapDescriptor(fd, address, start, length, access, precommit);
    if (!ofMemory && (status === -ENODEV || status === -EPERM || status === -EACCES)) {
      throw new PlatformError(`the host cannot map the file: errno ${-status}`);
    }
    if (status < 0) throw failure('map', status);
    this.#stub.mappings.set({
      start: address,
      end: address + length,
      source: ofMemory ? this.#memory : 'host file',
      offset: start,
      access,
    });
  }

  protected override remove(address: number, length: number): void {
    const status = this.native.unmap(address, length);
    if (status < 0) throw failure('unmap', status);
    this.#stub.mappings.remove(address, address + length);
  }

  protected override dismantle(): void {
    this.#onRelease(this.#stub);
  }

  protected override read(address: number, dst: Uint8Array): number {
    return this.#each(address, dst.length, Access.Read, (block, done) => {
      if (typeof block === 'number')
        return this.native.read(address + done, part(dst, done, block));
      dst.set(block, done);
      return block.length;
    });
  }

  protected override write(address: number, src: Uint8Array): number {
    return this.#each(address, src.length, Access.Write, (block, done) => {
      if (typeof block === 'number') {
        return this.native.write(address + done, part(src, done, block));
      }
      block.set(part(src, done, block.length));
      return block.length;
    });
  }

  protected override zero(address: number, length: number): number {
    return this.#each(address, length, Access.Write, (block, done) => {
      if (typeof block === 'number') {
        return this.native.write(address + done, part(ZEROES, 0, Math.min(block, ZEROES.length)));
      }
      block.fill(0);
      return block.length;
    });
  }

  protected override swap(address: number, value: number): number {
    const offset = this.#wordOffset(address);
    if (offset === 'elsewhere') return this.native.swapUint32(address, value);
    return offset < 0 ? -1 : nativePtrace.swapUint32(this.#memory.native, offset, value);
  }

  protected override compareAndSwap(address: number, expected: number, value: number): number {
    const offset = this.#wordOffset(address);
    if (offset === 'elsewhere') return this.native.compareAndSwapUint32(address, expected, value);
    return offset < 0
      ? -1
      : nativePtrace.compareAndSwapUint32(this.#memory.native, offset, expected, value);
  }

  /** What is mapped at `address` may be executed. */
  isExecutable(address: number): boolean {
    return ((this.#stub.mappings.at(address)?.access ?? 0) & Access.Execute) !== 0;
  }

  /**
   * Calls `visit` with views of the guest's memory, and with lengths of what is not in the memory file, until it does
   * nothing with one; gives the bytes done before the first that may not be accessed.
   */
  #each(
    address: number,
    length: number,
    access: AccessType,
    visit: (block: Uint8Array | number, done: number) => number,
  ): number {
    let done = 0;
    while (done < length) {
      const from = address + done;
      const mapping = this.#stub.mappings.at(from);
      if (mapping === undefined || !permits(mapping.access, access)) break;
      const count = Math.min(length - done, mapping.end - from);
      if (typeof mapping.source === 'string') {
        const some = visit(count, done);
        done += some;
        if (some === 0) break;
        continue;
      }
      const start = mapping.offset + from - mapping.start;
      for (const block of mapping.source.mapInternal({ start, end: start + count }, access)) {
        done += visit(block, done);
      }
    }
    return done;
  }

  /** Offset in the memory file of a word that may be written, or -1; or that it is in another file. */
  #wordOffset(address: number): number | 'elsewhere' {
    const mapping = this.#stub.mappings.at(address);
    if (mapping === undefined || !permits(mapping.access, Access.Write)) return -1;
    if (typeof mapping.source === 'string') return 'elsewhere';
    return mapping.offset + address - mapping.start;
  }
}

function part(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return bytes.subarray(start, start + length);
}

/** ENOMEM: the host's count of mappings in a process is reached (vm.max_map_count), or its memory. */
function failure(what: string, status: number): Error {
  const message = `the host cannot ${what} memory in the stub process: errno ${-status}`;
  return status === -ENOMEM ? new OutOfMemoryError(message) : new PlatformError(message);
}

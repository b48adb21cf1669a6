/** A platform made of arrays: enough for the kernel to run scripted programs with no /dev/kvm. */
import type { GuestMemory, GuestPlatform } from '../../src/kernel/guest.js';
import { Access, type AccessType } from '../../src/platform/access.js';
import {
  SwitchResult,
  type AddressSpace,
  type Context,
  type MemoryKind,
} from '../../src/platform/contract.js';
import { OutOfMemoryError, SegmentationFault } from '../../src/platform/errors.js';
import { PAGE_SIZE, type FileRange } from '../../src/platform/file-range.js';
import { ARGUMENTS, Register, Report, type Registers } from '../../src/platform/registers.js';

const MIB = 1024 * 1024;

/** Frames with reference counts. Freed ones are filled with a pattern, so that a stale use is seen. */
export class FakeMemory implements GuestMemory {
  readonly #bytes: Uint8Array;
  readonly #references: Uint32Array;
  allocated = 0;

  constructor(readonly limit = 16 * MIB) {
    this.#bytes = new Uint8Array(limit);
    this.#references = new Uint32Array(limit / PAGE_SIZE);
  }

  allocate(length: number, _kind: MemoryKind): FileRange {
    if (length <= 0 || length % PAGE_SIZE !== 0) throw new Error(`allocate(${String(length)})`);
    const count = length / PAGE_SIZE;
    let run = 0;
    for (let page = 0; page < this.#references.length; page++) {
      run = this.#references[page] === 0 ? run + 1 : 0;
      if (run < count) continue;
      const range = { start: (page + 1 - count) * PAGE_SIZE, end: (page + 1) * PAGE_SIZE };
      this.#references.fill(1, page + 1 - count, page + 1);
      this.#bytes.fill(0, range.start, range.end);
      this.allocated += length;
      return range;
    }
    throw new OutOfMemoryError('the fake memory is full');
  }

  isShared(range: FileRange): boolean {
    let shared = false;
    this.#each(range, (page) => {
      shared ||= (this.#references[page] as number) > 1;
    });
    return shared;
  }

  incRef(range: FileRange): void {
    this.#each(range, (page) => {
      if (this.#references[page] === 0) throw new Error('a reference to a free page');
      this.#references[page] = (this.#references[page] as number) + 1;
    });
  }

  decRef(range: FileRange): void {
    this.#each(range, (page) => {
      const left = (this.#references[page] as number) - 1;
      if (left < 0) throw new Error('a page freed twice');
      this.#references[page] = left;
      if (left > 0) return;
      this.#bytes.fill(0xdb, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      this.allocated -= PAGE_SIZE;
    });
  }

  mapInternal(range: FileRange, _access: AccessType): Uint8Array[] {
    return [this.#bytes.subarray(range.start, range.end)];
  }

  mapInto(space: AddressSpace, address: number, range: FileRange, access: AccessType): void {
    space.mapFile(address, 0, range, access, false);
  }

  decommit(range: FileRange): void {
    this.#bytes.fill(0, range.start, range.end);
  }

  totalUsage(): number {
    return this.allocated;
  }

  destroy(): void {
    // nothing to give back
  }

  page(frame: number): Uint8Array {
    return this.#bytes.subarray(frame, frame + PAGE_SIZE);
  }

  #each(range: FileRange, act: (page: number) => void): void {
    for (let at = range.start; at < range.end; at += PAGE_SIZE) act(at / PAGE_SIZE);
  }
}

interface Translation {
  readonly frame: number;
  readonly access: AccessType;
}

export class FakeAddressSpace implements AddressSpace {
  prefersPrecommit = false;
  /** Pages that there are tables for. */
  capacity = Infinity;
  readonly #pages = new Map<number, Translation>();
  released = false;

  constructor(readonly memory: FakeMemory) {}

  /** Pages with a translation. */
  get mapped(): number {
    return this.#pages.size;
  }

  accessAt(address: number): AccessType {
    return this.#pages.get(address - (address % PAGE_SIZE))?.access ?? 0;
  }

  mapFile(address: number, _fd: number, range: FileRange, access: AccessType): void {
    if (address % PAGE_SIZE !== 0 || access === 0 || range.end <= range.start) {
      throw new Error('mapFile: bad arguments');
    }
    if (this.mapped + (range.end - range.start) / PAGE_SIZE > this.capacity) {
      throw new OutOfMemoryError('no memory for tables');
    }
    for (let at = range.start; at < range.end; at += PAGE_SIZE) {
      this.#pages.set(address + (at - range.start), { frame: at, access });
    }
  }

  unmap(address: number, length: number): void {
    for (let at = address; at < address + length; at += PAGE_SIZE) this.#pages.delete(at);
  }

  release(): void {
    this.released = true;
    this.#pages.clear();
  }

  tryCopyIn(address: number, dst: Uint8Array): number {
    return this.#walk(address, dst.length, Access.Read, (page, at, done, count) => {
      dst.set(page.subarray(at, at + count), done);
    });
  }

  tryCopyOut(address: number, src: Uint8Array): number {
    return this.#walk(address, src.length, Access.Write, (page, at, done, count) => {
      page.set(src.subarray(done, done + count), at);
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
    this.copyOut(address, new Uint8Array(length));
  }

  swapUint32(): number {
    throw new Error('not in the fake');
  }

  compareAndSwapUint32(): number {
    throw new Error('not in the fake');
  }

  #walk(
    address: number,
    length: number,
    access: AccessType,
    act: (page: Uint8Array, at: number, done: number, count: number) => void,
  ): number {
    let done = 0;
    while (done < length) {
      const at = address + done;
      const offset = at % PAGE_SIZE;
      const translation = this.#pages.get(at - offset);
      if (translation === undefined || (translation.access & access) === 0) return done;
      const count = Math.min(PAGE_SIZE - offset, length - done);
      act(this.memory.page(translation.frame), offset, done, count);
      done += count;
    }
    return done;
  }
}

/** What a scripted program does next; the value of the `yield` is the content of rax. */
export type Step =
  | { readonly call: number; readonly args: readonly (number | bigint)[] }
  | { readonly touch: number; readonly access: AccessType }
  | { readonly fault: number; readonly code: number; readonly address: number }
  | { readonly interrupt: true };

export type Script = Generator<Step, void, number>;

const EXIT_GROUP = 231;

/** Plays a script; where it ends the program exits with status 0. */
export class FakeContext implements Context {
  readonly id = 1;
  readonly cpu = 0;
  #pending: Step | undefined;
  #interrupted: (() => void) | undefined;
  disposed = false;
  extendedState: Uint8Array = new Uint8Array(2696);

  constructor(readonly script: (registers: Registers) => Script) {}

  #running: Script | undefined;

  switchSync(space: AddressSpace, registers: Registers): SwitchResult {
    this.#running ??= this.script(registers);
    for (;;) {
      const step = this.#pending ?? this.#next(registers);
      this.#pending = undefined;
      if ('call' in step) {
        registers.setNumber(Register.Rax, step.call);
        step.args.forEach((value, index) => {
          registers.set(ARGUMENTS[index] as number, BigInt.asUintN(64, BigInt(value)));
        });
        return SwitchResult.Syscall;
      }
      if ('interrupt' in step) return SwitchResult.Interrupt;
      if ('fault' in step) return report(registers, step.fault, step.code, step.address, 0, 0);
      if (!(space instanceof FakeAddressSpace)) throw new Error('a foreign address space');
      if ((space.accessAt(step.touch) & step.access) === 0) {
        this.#pending = step;
        return report(registers, 11, 1, step.touch, step.access, 14);
      }
    }
  }

  async switch(space: AddressSpace, registers: Registers): Promise<SwitchResult> {
    const step = this.#pending;
    if (step !== undefined && 'interrupt' in step) {
      await new Promise<void>((resolve) => (this.#interrupted = resolve));
      return SwitchResult.Interrupt;
    }
    return this.switchSync(space, registers);
  }

  /** By number. A script's calls are reported all the same. */
  readonly published = new Map<number, number>();

  publish(call: number, result: number | undefined): boolean {
    if (result === undefined) this.published.delete(call);
    else this.published.set(call, result);
    return result !== undefined;
  }

  interrupt(): void {
    this.#interrupted?.();
  }

  getExtendedState(): Uint8Array {
    return this.extendedState.slice();
  }

  setExtendedState(state: Uint8Array): void {
    this.extendedState = state.slice();
  }

  dispose(): void {
    this.disposed = true;
  }

  #next(registers: Registers): Step {
    const value = Number(BigInt.asIntN(64, registers.get(Register.Rax)));
    const next = (this.#running as Script).next(value);
    return next.done === true ? { call: EXIT_GROUP, args: [0] } : next.value;
  }
}

function report(
  registers: Registers,
  signo: number,
  code: number,
  address: number,
  access: AccessType,
  vector: number,
): SwitchResult {
  registers.setNumber(Report.SignoCode, code * 4294967296 + signo);
  registers.setNumber(Report.FaultAddress, address);
  registers.setNumber(Report.AccessVector, vector * 4294967296 + access);
  registers.setNumber(Report.CpuErrorCode, 0);
  return SwitchResult.Signal;
}

export class FakePlatform implements GuestPlatform {
  readonly supportsAddressSpaceIO = true;
  readonly cooperativelySchedulesAddressSpace = false;
  readonly detectsCpuPreemption = false;
  readonly hasHostCounter = false;
  readonly mapUnit = 0;
  readonly minUserAddress = PAGE_SIZE;
  readonly maxUserAddress = 2 ** 47 - PAGE_SIZE;
  readonly spaces: FakeAddressSpace[] = [];
  readonly contexts: FakeContext[] = [];

  constructor(
    readonly script: (registers: Registers) => Script,
    readonly memory = new FakeMemory(),
  ) {}

  newAddressSpace(): FakeAddressSpace {
    const space = new FakeAddressSpace(this.memory);
    this.spaces.push(space);
    return space;
  }

  newContext(): FakeContext {
    const context = new FakeContext(this.script);
    this.contexts.push(context);
    return context;
  }

  preemptAllCpus(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    // nothing to give back
  }
}

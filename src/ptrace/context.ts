/** A guest thread on stub processes: what it has beyond its general registers, and its switches. */
import {
  nativePtrace,
  type NativeTraceContext,
  type NativeTraceMachine,
} from '../host/native-ptrace.js';
import { native, NativeFailure } from '../host/native.js';
import { Access, type AccessType } from '../platform/access.js';
import type { AddressSpace, Context } from '../platform/contract.js';
import { SwitchResult } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';
import { Report, type Registers } from '../platform/registers.js';
import { PtraceAddressSpace } from './address-space.js';
import type { TracerPool } from './tracer-pool.js';

const SIGSEGV = 11;
const PAGE_FAULT = 14;
const SEGV_ACCERR = 2;

/** Bits of a page fault's error code (SDM volume 3, section 4.7). */
const PF_PRESENT = 1;
const PF_WRITE = 2;
const PF_USER = 4;
const PF_INSTRUCTION = 16;

export class PtraceContext implements Context {
  readonly #native: NativeTraceContext = new nativePtrace.Context();
  readonly #machine: NativeTraceMachine;
  readonly #pool: TracerPool;
  #running = false;
  #disposed = false;

  constructor(machine: NativeTraceMachine, pool: TracerPool) {
    this.#machine = machine;
    this.#pool = pool;
  }

  get cpu(): number {
    return this.#disposed ? -1 : this.#native.cpu;
  }

  /** `cpu` is not looked at: the platform does not detect preemption. */
  switchSync(
    addressSpace: AddressSpace,
    registers: Registers,
    _cpu: number,
    budget = 0,
  ): SwitchResult {
    const space = this.#enter(addressSpace);
    try {
      const result = this.#pool.runSync(this.#native, space.native, registers.buffer, budget);
      return report(result, space, registers);
    } finally {
      this.#leave(space);
    }
  }

  async switch(
    addressSpace: AddressSpace,
    registers: Registers,
    _cpu: number,
  ): Promise<SwitchResult> {
    const space = this.#enter(addressSpace);
    try {
      const result = await this.#pool.run(this.#native, space.native, registers.buffer);
      return report(result, space, registers);
    } finally {
      this.#leave(space);
    }
  }

  interrupt(): void {
    if (!this.#disposed) this.#native.interrupt();
  }

  getExtendedState(): Uint8Array {
    this.#checkIdle();
    const state = new Uint8Array(native.constants.extendedStateSize);
    const status = this.#native.getExtendedState(state);
    if (status < 0) throw new PlatformError(`cannot read the extended state: errno ${-status}`);
    return state;
  }

  setExtendedState(state: Uint8Array): void {
    this.#checkIdle();
    if (state.length !== native.constants.extendedStateSize) {
      throw new PlatformError(
        `extended state has ${native.constants.extendedStateSize} bytes, not ${state.length}`,
      );
    }
    const status = this.#native.setExtendedState(state);
    if (status < 0) throw new PlatformError(`cannot set the extended state: errno ${-status}`);
  }

  dispose(): void {
    if (this.#disposed) return;
    if (this.#running) {
      throw new PlatformError('interrupt the context and await its switch before disposing of it');
    }
    this.#disposed = true;
    this.#native.dispose();
  }

  #enter(addressSpace: AddressSpace): PtraceAddressSpace {
    this.#checkIdle();
    if (!(addressSpace instanceof PtraceAddressSpace) || addressSpace.machine !== this.#machine) {
      throw new PlatformError('the address space is of another platform');
    }
    addressSpace.enter();
    this.#running = true;
    return addressSpace;
  }

  #leave(space: PtraceAddressSpace): void {
    this.#running = false;
    space.leave();
  }

  #checkIdle(): void {
    if (this.#disposed) throw new PlatformError('the context has been disposed');
    if (this.#running) throw new PlatformError('a switch of this context is under way');
  }
}

function report(result: number, space: PtraceAddressSpace, registers: Registers): SwitchResult {
  if (result === SwitchResult.Signal) reportPageFault(space, registers);
  if (result >= 0) return result as SwitchResult;
  if (result === NativeFailure.BadRegisters) {
    throw new PlatformError('an FS or GS base is no canonical address');
  }
  throw new PlatformError(
    'the stub process has died; something ended it from outside, such as a shortage of memory',
  );
}

/** Adds to a page fault what the host does not tell: the kind of access, and the error code with it. */
function reportPageFault(space: PtraceAddressSpace, registers: Registers): void {
  if (registers.high32(Report.AccessVector) !== PAGE_FAULT) return;
  const isProtected = registers.highInt32(Report.SignoCode) === SEGV_ACCERR;
  const access =
    registers.low32(Report.SignoCode) === SIGSEGV
      ? space.accessOfFault(registers.getNumber(Report.FaultAddress), registers, isProtected)
      : Access.Read;
  registers.set(Report.AccessVector, (BigInt(PAGE_FAULT) << 32n) | BigInt(access));
  const cpu = registers.get(Report.CpuErrorCode) & 0xffffffffn;
  registers.set(Report.CpuErrorCode, (BigInt(errorCodeOf(access, isProtected)) << 32n) | cpu);
}

function errorCodeOf(access: AccessType, isProtected: boolean): number {
  return (
    PF_USER |
    (isProtected ? PF_PRESENT : 0) |
    (access === Access.Write ? PF_WRITE : 0) |
    (access === Access.Execute ? PF_INSTRUCTION : 0)
  );
}

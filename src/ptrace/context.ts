/** A guest thread on stub processes: what it has beyond its general registers, and its switches. */
import {
  nativePtrace,
  type NativeTraceContext,
  type NativeTraceMachine,
} from '../host/native-ptrace.js';
import { native, NativeFailure } from '../host/native.js';
import { Access, type AccessType } from '../platform/access.js';
import { ContextBase } from '../platform/context-base.js';
import type { AddressSpace } from '../platform/contract.js';
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

export class PtraceContext extends ContextBase<NativeTraceContext, PtraceAddressSpace> {
  readonly #machine: NativeTraceMachine;
  readonly #pool: TracerPool;

  constructor(machine: NativeTraceMachine, pool: TracerPool) {
    super(new nativePtrace.Context(), native.constants.extendedStateSize);
    this.#machine = machine;
    this.#pool = pool;
  }

  /** `cpu` is not looked at: the platform does not detect preemption. */
  switchSync(
    addressSpace: AddressSpace,
    registers: Registers,
    _cpu: number,
    budget = 0,
  ): SwitchResult {
    const space = this.enter(addressSpace);
    let result: number;
    try {
      result = this.#pool.runSync(this.mechanism, space.native, registers.buffer, budget);
    } finally {
      this.leave(space);
    }
    return report(result, space, registers);
  }

  async switch(
    addressSpace: AddressSpace,
    registers: Registers,
    _cpu: number,
  ): Promise<SwitchResult> {
    const space = this.enter(addressSpace);
    let result: number;
    try {
      result = await this.#pool.run(this.mechanism, space.native, registers.buffer);
    } finally {
      this.leave(space);
    }
    return report(result, space, registers);
  }

  protected override own(addressSpace: AddressSpace): PtraceAddressSpace | undefined {
    const isOwn =
      addressSpace instanceof PtraceAddressSpace && addressSpace.machine === this.#machine;
    return isOwn ? addressSpace : undefined;
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

/** A guest thread on stub processes: what it has beyond its general registers, and its switches. */
import {
  nativePtrace,
  type NativeTraceContext,
  type NativeTraceMachine,
} from '../host/native-ptrace.js';
import { native, NativeFailure } from '../host/native.js';
import { ContextBase } from '../platform/context-base.js';
import type { AddressSpace } from '../platform/contract.js';
import { SwitchResult } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';
import type { Registers } from '../platform/registers.js';
import { PtraceAddressSpace } from './address-space.js';
import { completeReport } from './fault.js';
import type { TracerPool } from './tracer-pool.js';

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

  /** Every system call stops a tracee: there is no place in it where one could be answered. */
  protected override announce(): boolean {
    return false;
  }

  protected override own(addressSpace: AddressSpace): PtraceAddressSpace | undefined {
    const isOwn =
      addressSpace instanceof PtraceAddressSpace && addressSpace.machine === this.#machine;
    return isOwn ? addressSpace : undefined;
  }
}

function report(result: number, space: PtraceAddressSpace, registers: Registers): SwitchResult {
  if (result === SwitchResult.Signal) completeReport(space, registers);
  if (result >= 0) return result as SwitchResult;
  if (result === NativeFailure.BadRegisters) {
    throw new PlatformError('an FS or GS base is no canonical address');
  }
  throw new PlatformError(
    'the stub process has died; something ended it from outside, such as a shortage of memory',
  );
}

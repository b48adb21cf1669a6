/** A guest thread on KVM: what it has beyond its general registers, and its switches. */
import { native, NativeFailure, type NativeContext, type NativeMachine } from '../host/native.js';
import { ContextBase } from '../platform/context-base.js';
import type { AddressSpace } from '../platform/contract.js';
import { SwitchResult } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';
import { Register, Report, type Registers } from '../platform/registers.js';
import { KvmAddressSpace } from './address-space.js';
import { toSiginfo, type FloatingPointStatus } from './exception.js';
import { noThread, type VcpuPool } from './vcpu-pool.js';

export class KvmContext extends ContextBase<NativeContext, KvmAddressSpace> {
  readonly #machine: NativeMachine;
  readonly #pool: VcpuPool;

  constructor(machine: NativeMachine, pool: VcpuPool) {
    super(new native.Context(), native.constants.extendedStateSize);
    this.#machine = machine;
    this.#pool = pool;
  }

  switchSync(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
    budget = 0,
  ): SwitchResult {
    const space = this.enter(addressSpace);
    let result: number;
    try {
      const { buffer } = registers;
      result = this.#pool.runSync(this.mechanism, space.native, buffer, cpu, budget);
    } finally {
      this.leave(space);
    }
    return this.#report(result, registers);
  }

  async switch(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
  ): Promise<SwitchResult> {
    const space = this.enter(addressSpace);
    let result: number;
    try {
      result = await this.#pool.run(this.mechanism, space.native, registers.buffer, cpu);
    } finally {
      this.leave(space);
    }
    return this.#report(result, registers);
  }

  protected override own(addressSpace: AddressSpace): KvmAddressSpace | undefined {
    const isOwn = addressSpace instanceof KvmAddressSpace && addressSpace.machine === this.#machine;
    return isOwn ? addressSpace : undefined;
  }

  #report(result: number, registers: Registers): SwitchResult {
    if (result === SwitchResult.Signal) this.#reportException(registers);
    if (result >= 0) return result as SwitchResult;
    if (result === NativeFailure.BadRegisters) {
      throw new PlatformError('an FS or GS base is no canonical address');
    }
    if (result === NativeFailure.NoThread) throw noThread();
    throw new PlatformError(
      `the guest stopped for good: ${this.#pool.failureOf(this.mechanism)}; this is a defect of the platform`,
    );
  }

  #reportException(registers: Registers): void {
    const siginfo = toSiginfo(
      {
        vector: registers.high32(Report.AccessVector),
        errorCode: registers.high32(Report.CpuErrorCode),
        faultAddress: registers.get(Report.FaultAddress),
        rip: registers.get(Register.Rip),
        rflags: registers.low32(Register.Rflags),
        floatingPoint: () => this.#floatingPoint(),
      },
      native.constants.noMemory,
    );
    registers.setReport(siginfo);
  }

  /** FCW, FSW and MXCSR lie at bytes 0, 2 and 24 of the XSAVE area (SDM volume 1, table 10-2). */
  #floatingPoint(): FloatingPointStatus {
    const state = this.getExtendedState();
    const view = new DataView(state.buffer);
    return {
      fcw: view.getUint16(0, true),
      fsw: view.getUint16(2, true),
      mxcsr: view.getUint32(24, true),
    };
  }
}

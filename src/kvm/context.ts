/** A guest thread on KVM: what it has beyond its general registers, and its switches. */
import { native, NativeFailure, type NativeContext, type NativeMachine } from '../host/native.js';
import { ContextBase } from '../platform/context-base.js';
import type { AddressSpace } from '../platform/contract.js';
import { SwitchResult } from '../platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';
import { Register, Report, type Registers } from '../platform/registers.js';
import { KvmAddressSpace } from './address-space.js';
import { accessOf, foundNoEntry, toSiginfo, type FloatingPointStatus } from './exception.js';
import { FileFault } from './host-file-mappings.js';
import { noThread, type VcpuPool } from './vcpu-pool.js';

/** Page fault (SDM volume 3, table 6-1). */
const PAGE_FAULT = 14;
/** Times a switch goes on by itself from a fault at a host file that has changed its size. */
const MOST_TRIES = 4;

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
    for (let tries = 0; ; tries++) {
      const space = this.enter(addressSpace);
      let result: number;
      try {
        const { buffer } = registers;
        result = this.#pool.runSync(this.mechanism, space.native, buffer, cpu, budget);
      } finally {
        this.leave(space);
      }
      const report = this.#report(space, result, registers, tries);
      if (report !== undefined) return report;
    }
  }

  async switch(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
  ): Promise<SwitchResult> {
    for (let tries = 0; ; tries++) {
      const space = this.enter(addressSpace);
      let result: number;
      try {
        result = await this.#pool.run(this.mechanism, space.native, registers.buffer, cpu);
      } finally {
        this.leave(space);
      }
      const report = this.#report(space, result, registers, tries);
      if (report !== undefined) return report;
    }
  }

  override dispose(): void {
    super.dispose();
    this.#pool.forget(this.mechanism);
  }

  protected override announce(call: number, result: number | undefined): boolean {
    return this.mechanism.publish(call, result);
  }

  protected override own(addressSpace: AddressSpace): KvmAddressSpace | undefined {
    const isOwn = addressSpace instanceof KvmAddressSpace && addressSpace.machine === this.#machine;
    return isOwn ? addressSpace : undefined;
  }

  /** Undefined where the guest can go on: from a fault that is none any more, or with pages that have been freed. */
  #report(
    space: KvmAddressSpace,
    result: number,
    registers: Registers,
    tries: number,
  ): SwitchResult | undefined {
    if (result === SwitchResult.Signal) return this.#reportException(space, registers, tries);
    if (result >= 0) return result as SwitchResult;
    if (result === NativeFailure.BadRegisters) {
      throw new PlatformError('an FS or GS base is no canonical address');
    }
    if (result === NativeFailure.NoThread) throw noThread();
    if (result === NativeFailure.NoTables) {
      if (space.relieve()) return undefined;
      throw new OutOfMemoryError('no memory is left for page tables');
    }
    throw new PlatformError(
      `the guest stopped for good: ${this.#pool.failureOf(this.mechanism)}; this is a defect of the platform`,
    );
  }

  #reportException(
    space: KvmAddressSpace,
    registers: Registers,
    tries: number,
  ): SwitchResult | undefined {
    const vector = registers.high32(Report.AccessVector);
    const errorCode = registers.high32(Report.CpuErrorCode);
    const { noMemory } = native.constants;
    let fileFault: FileFault | undefined;
    if (vector === PAGE_FAULT && space.mapsHostFiles) {
      if (errorCode === noMemory && tries < MOST_TRIES) {
        space.onHostFault();
        return undefined;
      }
      fileFault = fileFaultOf(space, registers, errorCode);
      // Whoever changes the file's size all the time must not keep us here.
      if (fileFault === FileFault.Mended) {
        return tries < MOST_TRIES ? undefined : SwitchResult.Interrupt;
      }
    }
    const exception = {
      vector,
      errorCode,
      faultAddress: registers.get(Report.FaultAddress),
      rip: registers.get(Register.Rip),
      rflags: registers.low32(Register.Rflags),
      fileFault,
      floatingPoint: () => this.#floatingPoint(),
    };
    registers.setReport(toSiginfo(exception, noMemory));
    return SwitchResult.Signal;
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

function fileFaultOf(
  space: KvmAddressSpace,
  registers: Registers,
  errorCode: number,
): FileFault | undefined {
  if (!foundNoEntry(errorCode) || errorCode === native.constants.noMemory) return undefined;
  return space.onFileFault(registers.getNumber(Report.FaultAddress), accessOf(errorCode));
}

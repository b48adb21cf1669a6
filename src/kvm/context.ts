/** A guest thread on KVM: what it has beyond its general registers, and its switches. */
import { native, NativeFailure, type NativeContext, type NativeMachine } from '../host/native.js';
import type { AddressSpace, Context } from '../platform/contract.js';
import { SwitchResult } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';
import { Register, Report, type Registers } from '../platform/registers.js';
import { KvmAddressSpace } from './address-space.js';
import { toSiginfo, type FloatingPointStatus } from './exception.js';
import { noThread, type VcpuPool } from './vcpu-pool.js';

export class KvmContext implements Context {
  readonly #native: NativeContext = new native.Context();
  readonly #machine: NativeMachine;
  readonly #pool: VcpuPool;
  #running = false;
  #disposed = false;

  constructor(machine: NativeMachine, pool: VcpuPool) {
    this.#machine = machine;
    this.#pool = pool;
  }

  get cpu(): number {
    return this.#disposed ? -1 : this.#native.cpu;
  }

  switchSync(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
    budget = 0,
  ): SwitchResult {
    const space = this.#enter(addressSpace);
    try {
      const result = this.#pool.runSync(this.#native, space.native, registers.buffer, cpu, budget);
      return this.#report(result, registers);
    } finally {
      this.#running = false;
      space.leave();
    }
  }

  async switch(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
  ): Promise<SwitchResult> {
    const space = this.#enter(addressSpace);
    try {
      const result = await this.#pool.run(this.#native, space.native, registers.buffer, cpu);
      return this.#report(result, registers);
    } finally {
      this.#running = false;
      space.leave();
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

  #enter(addressSpace: AddressSpace): KvmAddressSpace {
    this.#checkIdle();
    if (!(addressSpace instanceof KvmAddressSpace) || addressSpace.machine !== this.#machine) {
      throw new PlatformError('the address space is of another platform');
    }
    addressSpace.enter();
    this.#running = true;
    return addressSpace;
  }

  #checkIdle(): void {
    if (this.#disposed) throw new PlatformError('the context has been disposed');
    if (this.#running) throw new PlatformError('a switch of this context is under way');
  }

  #report(result: number, registers: Registers): SwitchResult {
    this.#running = false;
    if (result === SwitchResult.Signal) this.#reportException(registers);
    if (result >= 0) return result as SwitchResult;
    if (result === NativeFailure.BadRegisters) {
      throw new PlatformError('an FS or GS base is no canonical address');
    }
    if (result === NativeFailure.NoThread) throw noThread();
    throw new PlatformError(
      `the guest stopped for good: ${this.#pool.failureOf(this.#native)}; this is a defect of the platform`,
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

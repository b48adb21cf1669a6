/** What contexts are on every platform: one switch at a time, an end, and extended state of a fixed size. */
import type { AddressSpace, Context, SwitchResult } from './contract.js';
import { PlatformError } from './errors.js';
import type { Registers } from './registers.js';

/** The part below that does the work. Statuses are 0 or -errno. */
export interface ContextMechanism {
  readonly id: number;
  readonly cpu: number;
  interrupt(): void;
  getExtendedState(dst: Uint8Array): number;
  setExtendedState(src: Uint8Array): number;
  dispose(): void;
}

/** An address space that must not be released while a switch is in it. */
export interface EnterableSpace {
  enter(): void;
  leave(): void;
}

export abstract class ContextBase<
  Mechanism extends ContextMechanism,
  Space extends EnterableSpace,
> implements Context {
  readonly id: number;
  #running = false;
  #disposed = false;

  protected constructor(
    protected readonly mechanism: Mechanism,
    /** Bytes. */
    private readonly extendedStateSize: number,
  ) {
    this.id = mechanism.id;
  }

  abstract switch(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
  ): Promise<SwitchResult>;

  abstract switchSync(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
    budget?: number,
  ): SwitchResult;

  /** `publish`, of a context that there is. */
  protected abstract announce(call: number, result: number | undefined): boolean;

  /** `addressSpace` if it is of the context's platform. */
  protected abstract own(addressSpace: AddressSpace): Space | undefined;

  get cpu(): number {
    return this.#disposed ? -1 : this.mechanism.cpu;
  }

  interrupt(): void {
    if (!this.#disposed) this.mechanism.interrupt();
  }

  publish(call: number, result: number | undefined): boolean {
    return !this.#disposed && this.announce(call, result);
  }

  getExtendedState(): Uint8Array {
    this.#checkIdle();
    const state = new Uint8Array(this.extendedStateSize);
    const status = this.mechanism.getExtendedState(state);
    if (status < 0) throw new PlatformError(`cannot read the extended state: errno ${-status}`);
    return state;
  }

  setExtendedState(state: Uint8Array): void {
    this.#checkIdle();
    if (state.length !== this.extendedStateSize) {
      throw new PlatformError(
        `extended state has ${this.extendedStateSize} bytes, not ${state.length}`,
      );
    }
    const status = this.mechanism.setExtendedState(state);
    if (status < 0) throw new PlatformError(`cannot set the extended state: errno ${-status}`);
  }

  dispose(): void {
    if (this.#disposed) return;
    if (this.#running) {
      throw new PlatformError('interrupt the context and await its switch before disposing of it');
    }
    this.#disposed = true;
    this.mechanism.dispose();
  }

  /** Begins a switch; `leave` ends it. */
  protected enter(addressSpace: AddressSpace): Space {
    this.#checkIdle();
    const space = this.own(addressSpace);
    if (space === undefined) {
      throw new PlatformError('the address space is of another platform');
    }
    space.enter();
    this.#running = true;
    return space;
  }

  protected leave(space: Space): void {
    this.#running = false;
    space.leave();
  }

  #checkIdle(): void {
    if (this.#disposed) throw new PlatformError('the context has been disposed');
    if (this.#running) throw new PlatformError('a switch of this context is under way');
  }
}

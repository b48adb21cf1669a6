/** An address space's places that stand for system calls: native/call_sites.h. */
import type { NativeSpace } from '../host/native.js';
import type { AddressSpace, CallSites } from '../platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';

export class KvmCallSites implements CallSites {
  readonly #native: NativeSpace;

  constructor(native: NativeSpace) {
    this.#native = native;
  }

  add(returnAddress: number, number: number): number | undefined {
    const displacement = this.#native.addCallSite(returnAddress, number);
    return displacement < 0 ? undefined : displacement;
  }

  copyFrom(other: AddressSpace): void {
    if (!(other.callSites instanceof KvmCallSites)) {
      throw new PlatformError('the other address space has no call sites to copy');
    }
    if (this.#native.copyCallSites(other.callSites.#native) < 0) {
      throw new OutOfMemoryError('no memory is left for call sites');
    }
  }
}

/** A guest on the KVM platform: see test/contract/guest.ts. */
import { createKvmPlatform, type KvmPlatform } from '../../src/kvm/platform.js';
import { Guest as ContractGuest, type GuestOptions } from '../contract/guest.js';

export { CODE, DATA, STACK_TOP, type Fault } from '../contract/guest.js';

export class Guest extends ContractGuest<KvmPlatform> {
  constructor(source: string, options: GuestOptions = {}) {
    super(createKvmPlatform, source, options);
  }
}

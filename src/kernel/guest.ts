/** What the kernel needs of a platform. A platform satisfies it by its shape. */
import type { AddressSpace, Context, Memory, Platform } from '../platform/contract.js';

export type GuestMemory = Pick<
  Memory,
  | 'allocate'
  | 'isShared'
  | 'decommit'
  | 'incRef'
  | 'decRef'
  | 'mapInternal'
  | 'mapInto'
  | 'allocated'
  | 'limit'
>;
export type GuestAddressSpace = AddressSpace;
export type GuestContext = Context;
export type GuestPlatform = Pick<
  Platform,
  | 'newAddressSpace'
  | 'newContext'
  | 'hasHostCounter'
  | 'detectsCpuPreemption'
  | 'minUserAddress'
  | 'maxUserAddress'
> & { readonly memory: GuestMemory };

import type { AccessType } from './access.js';

/** `Memory.allocate` would pass the memory limit. */
export class OutOfMemoryError extends Error {
  override readonly name = 'OutOfMemoryError';
}

/** The user of a platform asked for what it cannot do; the message says what to do instead. */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';
}

/** This machine cannot give the platform, whatever it is asked for; another platform may be had. */
export class UnavailableError extends PlatformError {}

/** The stream given to `Memory.loadFrom` is no whole saved memory; the memory is as it was. */
export class SavedMemoryError extends Error {
  override readonly name = 'SavedMemoryError';

  constructor(reason: string) {
    super(`the stream is not a whole saved memory: ${reason}`);
  }
}

/** An `AddressSpaceIO` call met an address that is not mapped, or not with the access it needs. */
export class SegmentationFault extends Error {
  override readonly name = 'SegmentationFault';

  constructor(
    /** The first address that could not be accessed. */
    readonly address: number,
    /** Bytes done before it. */
    readonly done: number,
    /** `Access.Read` or `Access.Write`. */
    readonly access: AccessType,
  ) {
    super(`segmentation fault at 0x${address.toString(16)}`);
  }
}

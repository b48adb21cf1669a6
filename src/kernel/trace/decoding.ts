/** What a decoder of the trace works on: one argument of one call. */
import type { Registers } from '../../platform/registers.js';
import type { MemoryManager } from '../mm/memory-manager.js';

export type ArgumentIndex = 0 | 1 | 2 | 3 | 4 | 5;

export interface Decoding {
  readonly mm: MemoryManager;
  readonly args: Registers;
  readonly index: ArgumentIndex;
  /** `undefined` before the call has been answered. */
  readonly result: number | undefined;
  /** What the call was told of the room behind a pointer to a length, where it has one. */
  readonly lengthBefore?: number | undefined;
  /** Most bytes of a string, and elements of an array, that are shown. */
  readonly stringLimit: number;
}

/** The text; `undefined` where a pointer leads nowhere and is printed itself; `null` for no argument at all. */
export type Decoder = (decoding: Decoding) => string | undefined | null;

export function following(index: ArgumentIndex): ArgumentIndex {
  return Math.min(index + 1, 5) as ArgumentIndex;
}

export function preceding(index: ArgumentIndex): ArgumentIndex {
  return Math.max(index - 1, 0) as ArgumentIndex;
}

/** `length` bytes where the argument points to; `undefined` for NULL and what cannot be read. */
export function pointedBytes(decoding: Decoding, length: number): Buffer | undefined {
  const { mm, args, index } = decoding;
  const address = args.argument(index);
  if (address === 0) return undefined;
  const bytes = Buffer.alloc(length);
  return mm.read(address, bytes) ? bytes : undefined;
}

/** As `decode`, but only once the call has succeeded: it fills what the argument points to. */
export function filled(decode: Decoder): Decoder {
  return (decoding) =>
    decoding.result === undefined || decoding.result < 0 ? undefined : decode(decoding);
}

export function formatHex(value: bigint): string {
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

export function formatPointer(value: bigint): string {
  return value === 0n ? 'NULL' : `0x${value.toString(16)}`;
}

/** Prints one argument of a system call as strace(1) does. */
import type { ArgumentFormat } from '../syscalls/row.js';
import { formatPointer, type Decoder, type Decoding } from './decoding.js';
import { eventFormats, eventOutputFormats } from './event-formats.js';
import { numberFormats } from './number-formats.js';
import { socketFormats, socketOutputFormats } from './socket-formats.js';
import { outputFormats, structureFormats } from './structure-formats.js';

const DECODERS: Readonly<Record<ArgumentFormat, Decoder>> = {
  ...numberFormats,
  ...structureFormats,
  ...outputFormats,
  ...eventFormats,
  ...eventOutputFormats,
  ...socketFormats,
  ...socketOutputFormats,
};

/** The argument shows what the call wrote, and has to be printed after it. */
export function isOutput(format: ArgumentFormat): boolean {
  return format in outputFormats || format in eventOutputFormats || format in socketOutputFormats;
}

/** `undefined` for an argument that the call does not look at. */
export function formatArgument(decoding: Decoding, format: ArgumentFormat): string | undefined {
  const text = DECODERS[format](decoding);
  if (text === null) return undefined;
  return text ?? formatPointer(decoding.args.argumentBig(decoding.index));
}

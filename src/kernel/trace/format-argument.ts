/** Prints one argument of a system call as strace(1) does. */
import type { ArgumentFormat } from '../syscalls/row.js';
import { formatPointer, type Decoder, type Decoding } from './decoding.js';
import { eventFormats, eventOutputFormats } from './event-formats.js';
import { controlOutputFormats } from './control-formats.js';
import { futexFormats } from './futex-formats.js';
import { numberFormats } from './number-formats.js';
import { socketFormats, socketOutputFormats } from './socket-formats.js';
import { outputFormats, structureFormats } from './structure-formats.js';
import { taskFormats, taskOutputFormats } from './task-formats.js';
import { timeFormats, timeOutputFormats } from './time-formats.js';
import { waitFormats } from './wait-formats.js';

/** Of what a call fills in. */
const OUTPUT_DECODERS = {
  ...outputFormats,
  ...controlOutputFormats,
  ...eventOutputFormats,
  ...socketOutputFormats,
  ...taskOutputFormats,
  ...timeOutputFormats,
};

const DECODERS: Readonly<Record<ArgumentFormat, Decoder>> = {
  ...OUTPUT_DECODERS,
  ...numberFormats,
  ...structureFormats,
  ...eventFormats,
  ...futexFormats,
  ...socketFormats,
  ...taskFormats,
  ...timeFormats,
  ...waitFormats,
};

/** The argument shows what the call wrote, and has to be printed after it. */
export function isOutput(format: ArgumentFormat): boolean {
  return format in OUTPUT_DECODERS;
}

/** `undefined` for an argument that the call does not look at. */
export function formatArgument(decoding: Decoding, format: ArgumentFormat): string | undefined {
  const text = DECODERS[format](decoding);
  if (text === null) return undefined;
  return text ?? formatPointer(decoding.args.argumentBig(decoding.index));
}

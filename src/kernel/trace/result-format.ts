/** The result of a call, as strace(1) prints it. */
import { errnoName } from '../abi/errno.js';
import { errorText } from '../abi/error-text.js';
import { signalName } from '../abi/signal.js';
import type { ResultFormat } from '../syscalls/row.js';
import { controlNotes } from './control-formats.js';
import type { Decoding } from './decoding.js';
import { POLICIES } from './scheduling-names.js';
import { waitNotes } from './wait-formats.js';

const MAX_ERRNO = 4095;

/** A number is printed in decimal, unless its format says otherwise; a note says what it means. */
type Note = (decoding: Decoding) => string | undefined;

const NOTES: Partial<Readonly<Record<ResultFormat, Note>>> = {
  ...waitNotes,
  ...controlNotes,
  signal: ({ result = -1 }) => (result > 0 ? signalName(result) : undefined),
  policy: ({ result = -1 }) => POLICIES[result],
};

export function isError(result: number): boolean {
  return result < 0 && result >= -MAX_ERRNO;
}

export function formatResult(decoding: Decoding, result: number, format?: ResultFormat): string {
  if (isError(result)) return formatError(-result);
  const note = format === undefined ? undefined : NOTES[format]?.(decoding);
  const number = formatNumber(result, format, note !== undefined);
  return note === undefined ? number : `${number} (${note})`;
}

function formatError(errno: number): string {
  const name = errnoName.get(errno) ?? `ERRNO_${String(errno)}`;
  const text = errorText.get(errno);
  return text === undefined ? `-1 ${name}` : `-1 ${name} (${text})`;
}

function formatNumber(result: number, format: ResultFormat | undefined, noted: boolean): string {
  if (format === 'hex' || (format === 'fcntl' && noted)) {
    return result === 0 && format === 'fcntl' ? '0' : `0x${result.toString(16)}`;
  }
  if (format === 'mode') return result === 0 ? '000' : `0${result.toString(8)}`;
  return String(result);
}

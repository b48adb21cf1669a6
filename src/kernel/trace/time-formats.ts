/** Arguments that are times. */
import { filled, pointedBytes, type Decoder, type Decoding } from './decoding.js';

const UTIME_NOW = 0x3fffffffn;
const UTIME_OMIT = 0x3ffffffen;

/** struct timespec or struct timeval. */
export function formatTime(bytes: Buffer, at: number, unit: 'nsec' | 'usec'): string {
  return `{tv_sec=${bytes.readBigInt64LE(at)}, tv_${unit}=${bytes.readBigInt64LE(at + 8)}}`;
}

const time =
  (unit: 'nsec' | 'usec'): Decoder =>
  (decoding) => {
    const bytes = pointedBytes(decoding, 16);
    return bytes && formatTime(bytes, 0, unit);
  };

const interval =
  (unit: 'nsec' | 'usec'): Decoder =>
  (decoding) => {
    const bytes = pointedBytes(decoding, 32);
    return (
      bytes &&
      `{it_interval=${formatTime(bytes, 0, unit)}, it_value=${formatTime(bytes, 16, unit)}}`
    );
  };

/** Only where a signal has cut the sleep short. */
const remaining: Decoder = (decoding) =>
  isCutShort(decoding) ? time('nsec')(decoding) : undefined;

function isCutShort({ result }: Decoding): boolean {
  return result === -4;
}

/** The two times of a file, each with the date it is. */
const fileTimes: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 32);
  if (bytes === undefined) return undefined;
  const shown = [0, 16].map((at) => {
    const nanoseconds = bytes.readBigInt64LE(at + 8);
    if (nanoseconds === UTIME_NOW) return 'UTIME_NOW';
    if (nanoseconds === UTIME_OMIT) return 'UTIME_OMIT';
    return formatTime(bytes, at, 'nsec') + formatDate(bytes.readBigInt64LE(at), nanoseconds);
  });
  return `[${shown.join(', ')}]`;
};

function formatDate(seconds: bigint, nanoseconds: bigint): string {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime()) || nanoseconds < 0n || nanoseconds > 999_999_999n) return '';
  const minutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const offset = Math.abs(minutes);
  const zone = `${minutes < 0 ? '-' : '+'}${two(offset / 60)}${two(offset % 60)}`;
  const fraction = nanoseconds === 0n ? '' : `.${String(nanoseconds).padStart(9, '0')}`;
  return ` /* ${local}${fraction}${zone} */`;
}

export const timeFormats = {
  timespec: time('nsec'),
  timeval: time('usec'),
  itimerspec: interval('nsec'),
  itimerval: interval('usec'),
  'file-times': fileTimes,
} satisfies Record<string, Decoder>;

export const timeOutputFormats = {
  'timespec-out': filled(time('nsec')),
  'remaining-out': remaining,
  'itimerspec-out': filled(interval('nsec')),
  'itimerval-out': filled(interval('usec')),
} satisfies Record<string, Decoder>;

/** Times in front of the lines of a trace, as strace(1) prints them for -t and -r. */
export interface Timestamps {
  /** The time of day, in seconds or microseconds, or seconds since 1970. */
  readonly absolute?: 'time' | 'time-us' | 'unix-us';
  /** How long after the line before. */
  readonly relative?: boolean;
}

/** `time` and `last`, the time of the line before, are milliseconds of `performance.now()`. */
export function timestamp({ absolute, relative }: Timestamps, time: number, last: number): string {
  const shown = absolute === undefined ? '' : `${formatAbsolute(absolute, time)} `;
  if (relative !== true) return shown;
  const seconds = ((time - last) / 1000).toFixed(6);
  if (absolute === undefined) return `${seconds.padStart(13)} `;
  return `${shown}(+${seconds.padStart(13)}) `;
}

function formatAbsolute(kind: NonNullable<Timestamps['absolute']>, time: number): string {
  const microseconds = Math.floor((performance.timeOrigin + time) * 1000);
  const fraction = String(microseconds % 1_000_000).padStart(6, '0');
  if (kind === 'unix-us') return `${String(Math.floor(microseconds / 1_000_000))}.${fraction}`;
  const date = new Date(microseconds / 1000);
  const day = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  return kind === 'time' ? day : `${day}.${fraction}`;
}

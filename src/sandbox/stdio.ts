/** The `stdio` option of child_process.spawn: which streams a program has. */
import type { Readable, Writable } from 'node:stream';
import { bytesOf } from './byte-source.js';
import type { Descriptor } from './descriptors.js';

/**
 * `pipe`: a stream of the process object. `ignore`: /dev/null. `inherit`: this process's descriptor of that number. A
 * number: any of this process's descriptors. A stream: its descriptor, or, where it has none, what it gives or takes.
 */
export type Stdio = 'pipe' | 'ignore' | 'inherit' | Readable | Writable | number | null | undefined;

export type StdioOption = 'pipe' | 'ignore' | 'inherit' | readonly Stdio[];

export interface StdioPlan {
  readonly descriptors: readonly Descriptor[];
  /** Streams of the caller's, by the descriptor of the pipe that leads on into them. */
  readonly targets: ReadonlyMap<number, Writable>;
}

/** @throws {TypeError} for what is no such option */
export function planStdio(option: StdioOption = 'pipe'): StdioPlan {
  const targets = new Map<number, Writable>();
  const descriptors = entriesOf(option).map((entry, fd) => descriptorOf(entry, fd, targets));
  return { descriptors, targets };
}

function entriesOf(option: StdioOption): Stdio[] {
  if (typeof option === 'string') return [option, option, option];
  const entries = [...option];
  while (entries.length < 3) entries.push('pipe');
  return entries.map((entry, fd) => entry ?? (fd < 3 ? 'pipe' : 'ignore'));
}

function descriptorOf(entry: Stdio, fd: number, targets: Map<number, Writable>): Descriptor {
  if (entry === 'ignore') return { kind: 'null' };
  if (entry === 'inherit') return { kind: 'host', fd };
  if (entry === 'pipe') {
    if (fd > 2) throw new TypeError(`stdio[${fd}]: only 0, 1 and 2 can be 'pipe'`);
    return { kind: 'pipe' };
  }
  if (typeof entry === 'number') return { kind: 'host', fd: entry };
  if (typeof entry !== 'object' || entry === null) {
    throw new TypeError(`stdio[${fd}] is 'pipe', 'ignore', 'inherit', a stream or a descriptor`);
  }
  if ('fd' in entry && typeof entry.fd === 'number') return { kind: 'host', fd: entry.fd };
  if (fd === 0 && isReadable(entry)) return { kind: 'source', source: bytesOf(entry) };
  if (fd === 0 || !('write' in entry) || typeof entry.once !== 'function') {
    throw new TypeError(`stdio[${fd}] is a stream of the other direction, or none`);
  }
  targets.set(fd, entry);
  return { kind: 'pipe' };
}

function isReadable(stream: Readable | Writable): stream is Readable {
  return Symbol.asyncIterator in stream;
}

/** Programs share what they write to: it is the caller's to end. */
export function feed(stream: Readable, target: Writable): void {
  const stop = (): void => {
    stream.destroy();
  };
  target.once('close', stop);
  stream.once('close', () => target.off('close', stop));
  stream.pipe(target, { end: false });
}

/** The streams that `start` and `run` give a program: the host's own, bytes from the caller, or functions of theirs. */
import { bytesOf } from './byte-source.js';
import type { Descriptor } from './descriptors.js';
import { asListener } from './user-functions.js';

/** This process's own stream, nothing to read, or a stream to read from (a `Readable` is one); strings are UTF-8. */
export type Input = 'inherit' | 'ignore' | AsyncIterable<Uint8Array | string>;

/** This process's own stream, thrown away, or a function that is given the bytes as they are written. */
export type Output = 'inherit' | 'ignore' | ((bytes: Uint8Array) => void);

export interface StreamOptions {
  /** `ignore` by default. */
  readonly stdin?: Input;
  /** All that the program can read from its standard input, in place of `stdin`. */
  readonly input?: string | Uint8Array;
  /** `ignore` by default. */
  readonly stdout?: Output;
  /** `ignore` by default. */
  readonly stderr?: Output;
}

/** @throws {TypeError} */
export function descriptorsOf(options: StreamOptions): readonly Descriptor[] {
  return [inputOf(options), outputOf(1, options.stdout), outputOf(2, options.stderr)];
}

function inputOf({ stdin = 'ignore', input }: StreamOptions): Descriptor {
  if (input !== undefined) return { kind: 'bytes', bytes: Buffer.from(input) };
  if (stdin === 'inherit') return { kind: 'host', fd: 0 };
  if (stdin === 'ignore') return { kind: 'bytes', bytes: new Uint8Array(0) };
  return { kind: 'source', source: bytesOf(stdin) };
}

function outputOf(fd: 1 | 2, output: Output = 'ignore'): Descriptor {
  if (output === 'inherit') return { kind: 'host', fd };
  if (output === 'ignore') return { kind: 'function' };
  if (typeof output === 'function') return { kind: 'function', take: asListener(output) };
  throw new TypeError(
    `what a program writes goes to 'inherit', 'ignore' or a function, not ${String(output)}`,
  );
}

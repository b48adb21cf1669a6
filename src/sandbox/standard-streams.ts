/** Descriptors 0, 1 and 2 of a program: the host's own, bytes from the caller, or functions of the caller's. */
import { CaptureFile } from './kernel/fs/capture-file.js';
import { FdTable } from './kernel/fs/fd-table.js';
import { openHostStdio } from './kernel/fs/host-stdio.js';
import type { OpenFile } from './kernel/fs/open-file.js';
import { SourceFile } from './kernel/fs/source-file.js';

/** This process's own stream, nothing to read, or a stream to read from (a `Readable` of bytes is one). */
export type Input = 'inherit' | 'ignore' | AsyncIterable<Uint8Array>;

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

/** A table of descriptors with the three in place. The caller closes it where no program takes it over. */
export function openStandardStreams(options: StreamOptions): FdTable {
  const files = new FdTable();
  try {
    files.install(0, openInput(options));
    files.install(1, openOutput(1, options.stdout));
    files.install(2, openOutput(2, options.stderr));
    return files;
  } catch (error) {
    files.closeAll();
    throw error;
  }
}

function openInput({ stdin = 'ignore', input }: StreamOptions): OpenFile {
  if (input !== undefined) return new SourceFile(Buffer.from(input));
  if (stdin === 'inherit') return openHostStdio(0);
  return new SourceFile(stdin === 'ignore' ? new Uint8Array(0) : stdin);
}

function openOutput(fd: 1 | 2, output: Output = 'ignore'): OpenFile {
  if (output === 'inherit') return openHostStdio(fd);
  return new CaptureFile(output === 'ignore' ? () => undefined : output);
}

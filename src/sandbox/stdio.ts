/** The `stdio` option of child_process.spawn: which streams a program has, and this side of them. */
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { StartError } from '../errors.js';
import { FdTable } from '../kernel/fs/fd-table.js';
import { openHostStdio } from '../kernel/fs/host-stdio.js';
import type { KernelMemory } from '../kernel/fs/kernel-memory.js';
import type { OpenFile } from '../kernel/fs/open-file.js';
import { createPipe } from '../kernel/fs/pipe.js';
import { SourceFile } from '../kernel/fs/source-file.js';
import { PipeReader, PipeWriter } from './pipe-streams.js';

/**
 * `pipe`: a stream of the process object. `ignore`: /dev/null. `inherit`: this process's descriptor of that number. A
 * number: any of this process's descriptors. A stream: its descriptor, or, where it has none, what it gives or takes.
 */
export type Stdio = 'pipe' | 'ignore' | 'inherit' | Readable | Writable | number | null | undefined;

export type StdioOption = 'pipe' | 'ignore' | 'inherit' | readonly Stdio[];

/** A program's descriptors, and the streams on this side, by descriptor. */
export interface OpenedStdio {
  readonly files: FdTable;
  readonly streams: readonly (PipeReader | PipeWriter | null)[];
  /** Pipes that lead on into a stream of the caller's. */
  readonly feeds: readonly PipeReader[];
}

/** @throws {TypeError} for what is no such option, {StartError} where a descriptor or a pipe is not to be had */
export function openStdio(option: StdioOption = 'pipe', kernelMemory: KernelMemory): OpenedStdio {
  const entries = entriesOf(option);
  const opening = new Opening(kernelMemory);
  try {
    entries.forEach((entry, fd) => opening.add(fd, entry));
    return opening;
  } catch (error) {
    opening.undo();
    throw error;
  }
}

function entriesOf(option: StdioOption): Stdio[] {
  if (typeof option === 'string') return [option, option, option];
  const entries = [...option];
  while (entries.length < 3) entries.push('pipe');
  return entries.map((entry, fd) => entry ?? (fd < 3 ? 'pipe' : 'ignore'));
}

class Opening implements OpenedStdio {
  readonly files = new FdTable();
  readonly streams: (PipeReader | PipeWriter | null)[] = [];
  readonly feeds: PipeReader[] = [];

  constructor(readonly kernelMemory: KernelMemory) {}

  add(fd: number, entry: Stdio): void {
    this.streams[fd] = null;
    this.files.install(fd, this.#open(fd, entry));
  }

  undo(): void {
    this.files.closeAll();
    for (const stream of [...this.streams, ...this.feeds]) stream?.destroy();
  }

  #open(fd: number, entry: Stdio): OpenFile {
    if (entry === 'ignore') return openNullDevice();
    if (entry === 'inherit') return openHost(fd);
    if (entry === 'pipe') return this.#pipe(fd);
    if (typeof entry === 'number') return openHost(entry);
    if (typeof entry === 'object' && entry !== null) return this.#stream(fd, entry);
    throw new TypeError(`stdio[${fd}] is 'pipe', 'ignore', 'inherit', a stream or a descriptor`);
  }

  #pipe(fd: number): OpenFile {
    if (fd > 2) throw new TypeError(`stdio[${fd}]: only 0, 1 and 2 can be 'pipe'`);
    if (fd > 0) {
      const { stream, file } = this.#outputPipe();
      this.streams[fd] = stream;
      return file;
    }
    const [reading, writing] = this.#createPipe();
    this.streams[0] = new PipeWriter(writing);
    return reading;
  }

  #outputPipe(): { stream: PipeReader; file: OpenFile } {
    const [reading, writing] = this.#createPipe();
    return { stream: new PipeReader(reading), file: writing };
  }

  #createPipe(): Exclude<ReturnType<typeof createPipe>, number> {
    const ends = createPipe(0, this.kernelMemory);
    if (typeof ends === 'number') {
      throw new StartError('pipes hold all the memory that they may', 'ENFILE');
    }
    return ends;
  }

  #stream(fd: number, stream: Readable | Writable): OpenFile {
    if ('fd' in stream && typeof stream.fd === 'number') return openHost(stream.fd);
    if (fd === 0 && isReadable(stream)) return new SourceFile(stream);
    if (fd > 0 && 'write' in stream) return this.#feed(stream);
    throw new TypeError(`stdio[${fd}] is a stream of the other direction, or none`);
  }

  /** Programs share what they write to: it is the caller's to end. */
  #feed(target: Writable): OpenFile {
    const { stream, file } = this.#outputPipe();
    const stop = (): void => {
      stream.destroy();
    };
    target.once('close', stop);
    stream.once('close', () => target.off('close', stop));
    stream.pipe(target, { end: false });
    this.feeds.push(stream);
    return file;
  }
}

function isReadable(stream: Readable | Writable): stream is Readable {
  return Symbol.asyncIterator in stream;
}

function openHost(fd: number): OpenFile {
  try {
    return openHostStdio(fd);
  } catch (error) {
    throw new StartError((error as Error).message, 'EBADF');
  }
}

function openNullDevice(): OpenFile {
  const fd = openSync('/dev/null', 'r+');
  try {
    return openHostStdio(fd);
  } finally {
    closeSync(fd);
  }
}

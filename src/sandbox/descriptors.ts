/** What the descriptors of a program lead to, whatever thread its sandbox lives on. */
import { closeSync, openSync } from 'node:fs';
import { StartError } from '../errors.js';
import { CaptureFile } from '../kernel/fs/capture-file.js';
import { FdTable } from '../kernel/fs/fd-table.js';
import { openHostStdio } from '../kernel/fs/host-stdio.js';
import type { KernelMemory } from '../kernel/fs/kernel-memory.js';
import type { OpenFile } from '../kernel/fs/open-file.js';
import { createPipe } from '../kernel/fs/pipe.js';
import { SourceFile } from '../kernel/fs/source-file.js';
import { PipeReader, PipeWriter } from './pipe-streams.js';

export type Descriptor =
  /** `pipe`: a stream on this side, which the program reads as descriptor 0 and else writes. `null`: /dev/null. */
  | { readonly kind: 'pipe' | 'null' }
  /** Of this process. */
  | { readonly kind: 'host'; readonly fd: number }
  /** All that can be read. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'source'; readonly source: AsyncIterable<Uint8Array> }
  /** Is given bytes of its own to keep, as they are written; without it they are thrown away. */
  | { readonly kind: 'function'; readonly take?: (bytes: Uint8Array) => void };

/** A program's descriptors, and by descriptor the streams on this side of those that are pipes. */
export interface OpenedDescriptors {
  readonly files: FdTable;
  readonly streams: readonly (PipeReader | PipeWriter | null)[];
}

/** @throws {StartError} where a descriptor or a pipe is not to be had */
export function openDescriptors(
  descriptors: readonly Descriptor[],
  kernelMemory: KernelMemory,
): OpenedDescriptors {
  const files = new FdTable();
  const streams: (PipeReader | PipeWriter | null)[] = [];
  try {
    descriptors.forEach((descriptor, fd) => {
      const { file, stream } = open(descriptor, fd, kernelMemory);
      streams[fd] = stream ?? null;
      files.install(fd, file);
    });
    return { files, streams };
  } catch (error) {
    files.closeAll();
    for (const stream of streams) stream?.destroy();
    throw error;
  }
}

interface Opened {
  readonly file: OpenFile;
  readonly stream?: PipeReader | PipeWriter;
}

function open(descriptor: Descriptor, fd: number, kernelMemory: KernelMemory): Opened {
  switch (descriptor.kind) {
    case 'pipe':
      return openPipe(fd, kernelMemory);
    case 'null':
      return { file: openNullDevice() };
    case 'host':
      return { file: openHost(descriptor.fd) };
    case 'bytes':
      return { file: new SourceFile(descriptor.bytes) };
    case 'source':
      return { file: new SourceFile(descriptor.source) };
    case 'function':
      return { file: new CaptureFile(descriptor.take ?? (() => undefined)) };
  }
}

function openPipe(fd: number, kernelMemory: KernelMemory): Opened {
  const ends = createPipe(0, kernelMemory);
  if (typeof ends === 'number') {
    throw new StartError('pipes hold all the memory that they may', 'ENFILE');
  }
  const [reading, writing] = ends;
  return fd === 0
    ? { file: reading, stream: new PipeWriter(writing) }
    : { file: writing, stream: new PipeReader(reading) };
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

/** Where a trace goes to: standard error, or a file of its own. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Status } from './exit-status.js';
import { CommandFailure } from './failure.js';

const STDERR = 2;

export interface TraceOutput {
  readonly write: (text: string) => void;
  readonly close: () => void;
}

/**
 * Standard error where there is no `path`; `option` is what asked for the file. Latin-1, as the kernel's strings are:
 * one character for each byte of a path.
 */
export function openTraceOutput(
  option: string,
  path: string | undefined,
  encoding: BufferEncoding = 'latin1',
): TraceOutput {
  const fd = path === undefined ? STDERR : openFile(option, path);
  return {
    write: (text) => {
      writeText(fd, text, encoding);
    },
    close: () => {
      if (fd !== STDERR) closeSync(fd);
    },
  };
}

function openFile(option: string, path: string): number {
  try {
    return openSync(path, 'w', 0o666);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`${option}: ${reason}`, Status.Failure);
  }
}

function writeText(fd: number, text: string, encoding: BufferEncoding): void {
  try {
    writeSync(fd, text, null, encoding);
  } catch {
    // Whoever read the trace has gone, or the disk is full; the guest is not to notice.
  }
}

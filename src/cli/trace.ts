/** Where `--trace` prints: standard error, or a file of its own. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Status } from './exit-status.js';
import { CommandFailure } from './failure.js';

const STDERR = 2;

export interface Trace {
  /** Takes one line, without its newline. */
  readonly write: (line: string) => void;
  readonly close: () => void;
}

/** `undefined` where no trace is asked for. A file asks for one by itself. */
export function openTrace(options: {
  readonly trace?: true;
  readonly traceFile?: string;
}): Trace | undefined {
  if (options.traceFile !== undefined) {
    const fd = openFile(options.traceFile);
    return {
      write: (line) => {
        writeLine(fd, line);
      },
      close: () => {
        closeSync(fd);
      },
    };
  }
  if (!options.trace) return undefined;
  return {
    write: (line) => {
      writeLine(STDERR, line);
    },
    close: () => undefined,
  };
}

function openFile(path: string): number {
  try {
    return openSync(path, 'w', 0o666);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`--trace-file: ${reason}`, Status.Failure);
  }
}

/** Latin-1, as the kernel's strings are: one character for each byte of a path. */
function writeLine(fd: number, line: string): void {
  try {
    writeSync(fd, `${line}\n`, null, 'latin1');
  } catch {
    // Whoever read the trace has gone, or the disk is full; the guest is not to notice.
  }
}

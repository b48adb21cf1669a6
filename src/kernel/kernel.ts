/** One sandbox: its tasks, its memory, its clocks, its name. */
import type { FdTable } from './fs/fd-table.js';
import type { FsContext } from './fs/fs-context.js';
import type { GuestMemory, GuestPlatform } from './guest.js';
import type { Credentials } from './task/credentials.js';
import type { Process } from './task/process.js';
import type { Task } from './task/task.js';

export interface KernelOptions {
  readonly platform: GuestPlatform;
  /** `nodename` of uname(2); the host's by default. */
  readonly hostname?: string;
  /** Receives one line for each system call, signal and exit, without a newline. */
  readonly trace?: (line: string) => void;
  /** CPUID leaf 1 EDX, for AT_HWCAP. */
  readonly hwcap?: number;
  /** CPUs the guest sees in sched_getaffinity(2); 1 by default. */
  readonly cpuCount?: number;
  readonly credentials?: Credentials;
  /** Told of what should not happen: an exception inside a handler, a guest out of memory. */
  readonly onDefect?: (message: string, error?: unknown) => void;
}

export interface ExecRequest {
  /** Program: a path; or a plain name where `searchPath` is given. */
  readonly path: string;
  /** Directories separated by colons, for a `path` without a slash. */
  readonly searchPath?: string;
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Root, working directory and umask of the program. */
  readonly fsContext: FsContext;
  /** Descriptors 0, 1 and 2 already in place. */
  readonly files: FdTable;
}

export class Kernel {
  readonly memory: GuestMemory;
  readonly hostname: string;
  /** Processes by pid, in order of creation. */
  readonly processes = new Map<number, Process>();
  /** CLOCK_REALTIME seconds at which this kernel booted, for /proc/stat. */
  readonly bootTime = Math.floor(Date.now() / 1000);

  constructor(readonly options: KernelOptions) {
    this.memory = options.platform.memory;
    this.hostname = options.hostname ?? '';
  }

  /**
   * Starts a program. @throws {ExecError} with the errno and a message, where it cannot be.
   */
  exec(_request: ExecRequest): Promise<Task> {
    return Promise.reject(new Error('not yet'));
  }

  /** What a terminal does with Ctrl-C and the like: a signal to the foreground process group. */
  signalForeground(_signo: number): void {
    // filled in below
  }
}

/** A thread of the guest. */
import { Registers } from '../../platform/registers.js';
import type { FdTable } from '../fs/fd-table.js';
import type { FsContext } from '../fs/fs-context.js';
import type { Kernel } from '../kernel.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import type { Credentials } from './credentials.js';
import type { ExitStatus } from './exit-status.js';
import type { Process } from './process.js';

export interface TaskParts {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly mm: MemoryManager;
  readonly files: FdTable;
  readonly fsContext: FsContext;
  readonly credentials: Credentials;
}

export class Task {
  readonly registers = new Registers();
  readonly kernel: Kernel;
  readonly process: Process;
  readonly mm: MemoryManager;
  readonly files: FdTable;
  readonly fsContext: FsContext;
  credentials: Credentials;
  /** Settles when the whole process has ended. */
  readonly exited: Promise<ExitStatus>;

  constructor(
    /** gettid(2). */
    readonly tid: number,
    parts: TaskParts,
  ) {
    this.kernel = parts.kernel;
    this.process = parts.process;
    this.mm = parts.mm;
    this.files = parts.files;
    this.fsContext = parts.fsContext;
    this.credentials = parts.credentials;
    this.exited = new Promise(() => undefined);
  }

  /** getpid(2): the id of the process. */
  get pid(): number {
    return this.process.pid;
  }

  /**
   * Awaits a blocking operation. If a signal that is not ignored comes first, calls `cancel` and gives -EINTR.
   */
  block<T>(promise: Promise<T>, _cancel: () => void): Promise<T | number> {
    return promise;
  }

  /** Queues a signal for this thread, as a failing write(2) does with SIGPIPE. */
  sendSignal(_signo: number): void {
    // filled in below
  }
}

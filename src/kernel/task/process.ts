/** What the threads of a process share besides memory and files. */
import type { ExitStatus } from './exit-status.js';
import { ResourceLimits } from './resource-limits.js';

export class Process {
  /** Absolute path of the program, for /proc/PID/exe. */
  executablePath = '';
  argv: readonly string[] = [];
  env: readonly string[] = [];
  /** At most 15 bytes, prctl(PR_SET_NAME). */
  comm = '';
  parentPid = 0;
  processGroup: number;
  session: number;
  exitStatus: ExitStatus | undefined;
  readonly limits = new ResourceLimits();

  constructor(readonly pid: number) {
    this.processGroup = pid;
    this.session = pid;
  }

  /** Sends a signal to the process, as kill(2) does. */
  sendSignal(_signo: number): void {
    // filled in below
  }
}

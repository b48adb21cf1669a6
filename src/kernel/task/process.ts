/** What the threads of a process share besides memory and files. */
import { Poll } from '../abi/poll.js';
import { SiCode, Signo } from '../abi/signal.js';
import { defaultAction } from '../signal/default-action.js';
import type { Location } from '../fs/location.js';
import { WaitQueue } from '../fs/wait-queue.js';
import type { ProgramFile } from '../loader/load-program.js';
import { PendingSignals } from '../signal/pending-signals.js';
import { SignalActions } from '../signal/signal-actions.js';
import type { SignalInfo } from '../signal/signal-info.js';
import type { ExitStatus } from './exit-status.js';
import { FutexTable } from './futex.js';
import { IntervalTimer } from '../time/interval-timer.js';
import { ResourceLimits } from './resource-limits.js';
import type { Task } from './task.js';

const COMM_LENGTH = 15;

export class Process {
  /** Where the program is, for /proc/PID/exe. */
  executable: Location | undefined;
  argv: readonly string[] = [];
  env: readonly string[] = [];
  /** At most 15 bytes, prctl(PR_SET_NAME). */
  comm = '';
  parentPid = 0;
  processGroup: number;
  session: number;
  /** setpriority(2): told, and of no effect. */
  nice = 0;
  exitStatus: ExitStatus | undefined;
  readonly limits = new ResourceLimits();
  readonly actions = new SignalActions();
  /** Signals sent to the process: any of its threads may take them. */
  readonly pending = new PendingSignals();
  /** Woken as a signal is queued for the process or one of its threads, for signalfd(2). */
  readonly signalArrivals = new WaitQueue();
  readonly tasks = new Set<Task>();
  readonly futexes = new FutexTable();
  /** ITIMER_REAL, setitimer(2). */
  readonly realTimer = new IntervalTimer(() => {
    this.sendSignal(Signo.SIGALRM, { signo: Signo.SIGALRM, code: SiCode.SI_KERNEL });
  });
  /** prctl(PR_SET_NO_NEW_PRIVS). */
  noNewPrivileges = false;
  /** Stopped by a signal until SIGCONT or SIGKILL. */
  stopped = false;

  constructor(readonly pid: number) {
    this.processGroup = pid;
    this.session = pid;
  }

  /** Names the process after the program that it now runs. */
  become(program: ProgramFile, env: readonly string[]): void {
    const { name, argv, file } = program;
    this.executable = file.location;
    this.argv = argv;
    this.env = env;
    this.comm = name.slice(name.lastIndexOf('/') + 1).slice(0, COMM_LENGTH);
  }

  /** Sends a signal to the process, as kill(2) does. */
  sendSignal(signo: number, info: SignalInfo = { signo, code: SiCode.SI_KERNEL }): void {
    if (!this.prepare(signo)) return;
    this.pending.add(info);
    this.signalArrivals.wake(Poll.IN);
    const ready = [...this.tasks].find((task) => task.accepts(signo));
    ready?.wake();
  }

  /**
   * What a signal does as it is generated, before any is delivered: continuing and stopping cancel each other.
   * False where nobody will ever see it.
   */
  prepare(signo: number): boolean {
    if (this.exitStatus !== undefined) return false;
    const action = defaultAction(signo);
    if (action === 'stop') this.#discard(Signo.SIGCONT);
    if (action === 'continue' || signo === Signo.SIGKILL) this.#continue();
    if (!this.actions.ignores(signo)) return true;
    // An ignored signal that is blocked stays pending: the action may change before it is unblocked.
    return [...this.tasks].some((task) => task.blocked.has(signo));
  }

  /** Ends every thread. The first call decides the status. */
  exit(status: ExitStatus): void {
    if (this.exitStatus !== undefined) return;
    this.exitStatus = status;
    this.realTimer.disarm();
    this.stopped = false;
    for (const task of this.tasks) task.wake();
  }

  #continue(): void {
    for (const signo of [Signo.SIGSTOP, Signo.SIGTSTP, Signo.SIGTTIN, Signo.SIGTTOU]) {
      this.#discard(signo);
    }
    if (!this.stopped) return;
    this.stopped = false;
    for (const task of this.tasks) task.wake();
  }

  #discard(signo: number): void {
    this.pending.discard(signo);
    for (const task of this.tasks) task.pending.discard(signo);
  }
}

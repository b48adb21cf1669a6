/** A process, or thread group: what its threads share besides memory and files. */
import { Poll } from '../abi/poll.js';
import { CLD } from '../abi/wait.js';
import { SA_NOCLDSTOP, SIGNAL_COUNT, SiCode, Signo } from '../abi/signal.js';
import { defaultAction } from '../signal/default-action.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import type { Location } from '../fs/location.js';
import { WaitQueue } from '../fs/wait-queue.js';
import type { Kernel } from '../kernel.js';
import { PendingSignals } from '../signal/pending-signals.js';
import { SignalActions } from '../signal/signal-actions.js';
import type { SignalInfo } from '../signal/signal-info.js';
import { ProcessTimers } from '../time/process-timers.js';
import { EventSource } from './event-source.js';
import type { ExitStatus } from './exit-status.js';
import { ProcessAttributes } from './process-attributes.js';
import { ResourceLimits, Rlimit } from './resource-limits.js';
import type { Task } from './task.js';

/** What orphans are told that their parent is. The kernel itself reaps them: no program has to. */
const INIT_PID = 1;

export class Process {
  /** Where the program is, for /proc/PID/exe. */
  executable: Location | undefined;
  #parent: Process | undefined;
  isOrphan = false;
  /** The thread of the parent that made it, or another where that has ended. */
  creator: Task | undefined;
  readonly children = new Set<Process>();
  /** A child ends, stops or goes on. */
  readonly childEvents = new EventSource();
  /** A thread has ended. */
  readonly threadEvents = new EventSource();
  /** What SIGCHLD says of the end, once it is a zombie. */
  endInfo: SignalInfo | undefined;
  #processGroup: number;
  session: number;
  /** /proc/PID/oom_score_adj: -1000 to 1000. */
  oomScoreAdjustment = 0;
  /** set_mempolicy(2), ioprio_set(2), setpriority(2): told, and of no effect. */
  memoryPolicy = 0;
  ioPriority = 0;
  nice = 0;
  /** Set as soon as the end is certain; threads may still be on their way out. */
  exitStatus: ExitStatus | undefined;
  /** Every thread has ended; nothing is left but the status, for the parent to ask for. */
  isZombie = false;
  /** The signal that tells the parent of the end; 0: none. */
  exitSignal: number = Signo.SIGCHLD;
  /** prctl(PR_SET_PDEATHSIG); 0: none. */
  parentDeathSignal = 0;
  /** prctl(PR_SET_CHILD_SUBREAPER): orphans beneath come to this process. */
  isSubreaper = false;
  /** It has called execve(2) since it was made: setpgid(2) of the parent comes too late. */
  hasExecuted = false;
  limits = new ResourceLimits();
  actions = new SignalActions();
  /** Signals sent to the process: any of its threads may take them. */
  readonly pending: PendingSignals;
  /** Woken, as readable, when the process becomes a zombie: for pidfd_open(2). */
  readonly ends = new WaitQueue();
  /** Woken as a signal is queued for the process or one of its threads, for signalfd(2). */
  readonly signalArrivals = new WaitQueue();
  readonly tasks = new Set<Task>();
  /** Milliseconds of CPU time of threads that have ended, and of children that were waited for. */
  endedCpuTime = 0;
  childCpuTime = 0;
  /** Largest resident size of children that were waited for, in bytes. */
  childPeakResident = 0;
  /** Bytes, as of the last execve(2) and the end. */
  peakResident = 0;
  readonly startTime = performance.now();
  readonly timers: ProcessTimers;
  readonly attributes = new ProcessAttributes();
  /** Told as it ends: sets of semaphores, of what is to be taken back. */
  readonly atEnd = new Set<{ ended(process: Process): void }>();
  /** Stopped by this signal until SIGCONT or SIGKILL; 0: not stopped. */
  stopSignal = 0;
  /** What wait(2) has not told the parent yet. */
  unreported: 'stopped' | 'continued' | undefined;
  /**
   * Settles when the process has ended and given everything back. Rejects where the platform failed, with its
   * error.
   */
  readonly exited: Promise<ExitStatus>;
  #resolveExited: (status: ExitStatus) => void = () => undefined;
  #rejectExited: (error: unknown) => void = () => undefined;

  constructor(
    readonly kernel: Kernel,
    readonly pid: number,
    parent?: Process,
  ) {
    this.#parent = parent;
    this.pending = new PendingSignals(KernelMemory.of(kernel.memory), () =>
      this.limits.soft(Rlimit.Sigpending),
    );
    this.timers = new ProcessTimers(this);
    this.#processGroup = parent?.processGroup ?? pid;
    this.session = parent?.session ?? pid;
    parent?.children.add(this);
    this.exited = new Promise((resolve, reject) => {
      this.#resolveExited = resolve;
      this.#rejectExited = reject;
    });
    // Whoever does not ask how it ended need not handle its failure either.
    this.exited.catch(() => undefined);
  }

  /** `undefined`: started from outside, or an orphan. */
  get parent(): Process | undefined {
    return this.#parent;
  }

  set parent(parent: Process | undefined) {
    this.#parent = parent;
    this.#withdrawAnswers();
  }

  get processGroup(): number {
    return this.#processGroup;
  }

  set processGroup(group: number) {
    this.#processGroup = group;
    this.#withdrawAnswers();
  }

  get parentPid(): number {
    return this.#parent?.pid ?? (this.isOrphan ? INIT_PID : 0);
  }

  get stopped(): boolean {
    return this.stopSignal !== 0;
  }

  /** The thread whose id is the process's; any other where that one has ended. */
  get leader(): Task | undefined {
    let any: Task | undefined;
    for (const task of this.tasks) {
      if (task.tid === this.pid) return task;
      any ??= task;
    }
    return any;
  }

  /** CPU time of all its threads in milliseconds. */
  get cpuTime(): number {
    let time = this.endedCpuTime;
    for (const task of this.tasks) time += task.cpuTime;
    return time;
  }

  /** What fork(2) hands down besides memory, files, limits and credentials. */
  inherit(from: Process): void {
    this.executable = from.executable;
    this.nice = from.nice;
    this.oomScoreAdjustment = from.oomScoreAdjustment;
    this.attributes.inherit(from.attributes);
  }

  /** Sends a signal to the process, as kill(2) does. False where the queue is full. */
  sendSignal(signo: number, info: SignalInfo = { signo, code: SiCode.SI_KERNEL }): boolean {
    if (!this.prepare(signo)) {
      const [first] = this.tasks;
      if (first !== undefined) this.kernel.tracer?.discarded(first, info);
      return true;
    }
    if (!this.pending.add(info)) return false;
    this.signalArrivals.wake(Poll.IN);
    this.wakeFor(signo);
    return true;
  }

  /** Wakes a thread that a pending signal comes through to. */
  wakeFor(signo: number): void {
    for (const task of this.tasks) {
      if (task.accepts(signo) && task.wake()) return;
    }
  }

  /** A thread has ended that pending signals may have counted on: others take them. */
  passSignalsOn(): void {
    if (this.pending.set.isEmpty) return;
    for (let signo = 1; signo <= SIGNAL_COUNT; signo++) {
      if (this.pending.set.has(signo)) this.wakeFor(signo);
    }
  }

  /**
   * What a signal does as it is generated, before any is delivered: continuing and stopping cancel each other.
   * False where nobody will ever see it.
   */
  prepare(signo: number): boolean {
    if (this.exitStatus !== undefined) return false;
    const action = defaultAction(signo);
    if (action === 'stop') this.#discard(Signo.SIGCONT);
    if (action === 'continue') this.#continue();
    else if (signo === Signo.SIGKILL) this.#resume();
    if (!this.actions.ignores(signo)) return true;
    // An ignored signal that is blocked stays pending: the action may change before it is unblocked.
    return [...this.tasks].some((task) => task.blocked.has(signo));
  }

  /** Stops every thread until SIGCONT. */
  stop(signo: number): void {
    if (this.stopped || this.exitStatus !== undefined) return;
    this.stopSignal = signo;
    this.unreported = 'stopped';
    for (const task of this.tasks) task.wake();
    this.#tellParent({ code: CLD.Stopped, status: signo });
  }

  /** Ends every thread. The first call decides the status. */
  exit(status: ExitStatus): void {
    if (this.exitStatus !== undefined) return;
    this.exitStatus = status;
    this.timers.dispose();
    this.stopSignal = 0;
    for (const task of this.tasks) task.wake();
  }

  /** Called once, when nothing is left to be given back. */
  finish(status: ExitStatus): void {
    this.#resolveExited(status);
  }

  /** Called once in place of `finish`, where it is not the program that failed. */
  fail(error: unknown): void {
    this.#rejectExited(error);
  }

  #withdrawAnswers(): void {
    for (const task of this.tasks) task.answers.withdraw();
  }

  #continue(): void {
    for (const signo of [Signo.SIGSTOP, Signo.SIGTSTP, Signo.SIGTTIN, Signo.SIGTTOU]) {
      this.#discard(signo);
    }
    if (!this.stopped) return;
    this.#resume();
    this.unreported = 'continued';
    this.#tellParent({ code: CLD.Continued, status: Signo.SIGCONT });
  }

  #resume(): void {
    this.stopSignal = 0;
    for (const task of this.tasks) task.wake();
  }

  /** SIGCHLD for a stop or a continuation, which sigaction(2) can switch off. */
  #tellParent(event: { code: number; status: number }): void {
    const { parent } = this;
    if (parent === undefined) return;
    const action = parent.actions.get(Signo.SIGCHLD);
    if ((action.flags & SA_NOCLDSTOP) === 0) {
      parent.sendSignal(Signo.SIGCHLD, {
        signo: Signo.SIGCHLD,
        ...event,
        pid: this.pid,
        uid: this.leader?.credentials.uid ?? 0,
      });
    }
    parent.childEvents.happened();
  }

  #discard(signo: number): void {
    this.pending.discard(signo);
    for (const task of this.tasks) task.pending.discard(signo);
  }
}

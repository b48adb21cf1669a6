/** A thread of the guest: its registers, what it may wait for, and the signals on their way to it. */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { Poll } from '../abi/poll.js';
import { SIGNAL_COUNT, Signo, SiCode } from '../abi/signal.js';
import type { FdTable } from '../fs/fd-table.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import type { FsContext } from '../fs/fs-context.js';
import type { GuestContext } from '../guest.js';
import type { Kernel } from '../kernel.js';
import type { ProgramFile } from '../loader/load-program.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { PendingSignals } from '../signal/pending-signals.js';
import { NO_ALTERNATE_STACK, type AlternateStack } from '../signal/signal-frame.js';
import type { SignalInfo } from '../signal/signal-info.js';
import { SignalSet } from '../signal/signal-set.js';
import type { Credentials } from './credentials.js';
import { EventSource } from './event-source.js';
import type { ExitStatus } from './exit-status.js';
import type { FutexQueue } from './futex.js';
import type { FutexPlace } from './futex-owner.js';
import type { Process } from './process.js';
import { PublishedAnswers } from './published-answers.js';
import { Rlimit } from './resource-limits.js';
import type { RestartableSequence } from './restartable-sequence.js';
import { Scheduling } from './scheduling.js';

export interface TaskParts {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly context: GuestContext;
  readonly mm: MemoryManager;
  readonly files: FdTable;
  readonly fsContext: FsContext;
  readonly credentials: Credentials;
}

const COMM_LENGTH = 15;

export class Task {
  readonly registers = new Registers();
  readonly kernel: Kernel;
  readonly process: Process;
  /** Replaced by execve(2), as is `mm`. */
  context: GuestContext;
  mm: MemoryManager;
  /** Replaced by unshare(2), as is `fsContext`. */
  files: FdTable;
  fsContext: FsContext;
  #credentials: Credentials;
  readonly answers = new PublishedAnswers(this);
  /** At most 15 bytes, prctl(PR_SET_NAME). */
  comm = '';
  /** Set when this thread alone is to end: by exit(2), or for another thread's execve(2). */
  ending: ExitStatus | undefined;
  /** Told when this thread lets go of the memory that it borrowed by vfork(2). */
  onMemoryReleased: (() => void) | undefined;
  /** Signals that wait until they are unblocked. SIGKILL and SIGSTOP are never in it. */
  blocked = new SignalSet();
  /** Signals that rt_sigtimedwait(2) is waiting for: they come through although they are blocked. */
  awaited: SignalSet | undefined;
  /** The mask to go back to when a signal has been delivered: rt_sigsuspend(2), ppoll(2). */
  savedMask: SignalSet | undefined;
  /** Signals sent to this thread alone. */
  readonly pending: PendingSignals;
  alternateStack: AlternateStack = NO_ALTERNATE_STACK;
  #inGuest = false;
  readonly #guestExits = new EventSource();
  /** A call set every register itself: rax is not to be overwritten with a result. */
  registersReplaced = false;
  /** Number of the call that a signal cut short, until that signal is delivered; -1: none. */
  interruptedCall = -1;
  /** Whether a call that a signal cuts short is begun again: set by the call, until the signal is delivered. */
  restarts: 'by-rule' | 'never' | 'always' = 'by-rule';
  /** How a call with a time-out goes on for the time that is left, restart_syscall(2). */
  resume: (() => number | Promise<number>) | undefined;
  /** Address of struct robust_list_head, as set_robust_list(2) gave it. */
  robustList = 0n;
  /** Locks of this thread that others wait for, FUTEX_LOCK_PI. */
  readonly contended = new Map<FutexQueue, FutexPlace>();
  /** rseq(2). */
  rseq: RestartableSequence | undefined;
  /** set_tid_address(2). */
  clearChildTid = 0;
  readonly scheduling: Scheduling;
  /** Milliseconds spent waiting, so that the rest is CPU time. */
  idleTime = 0;
  readonly startTime = performance.now();
  #wake: (() => void) | undefined;
  /** When the present wait began. */
  #waitsSince: number | undefined;
  /** Only the end of the thread cuts the present wait short. */
  #isUninterruptible = false;

  constructor(
    /** gettid(2). Changes where a thread other than the first calls execve(2): it becomes the first. */
    public tid: number,
    parts: TaskParts,
  ) {
    this.kernel = parts.kernel;
    this.process = parts.process;
    this.pending = new PendingSignals(KernelMemory.of(parts.kernel.memory), () =>
      this.process.limits.soft(Rlimit.Sigpending),
    );
    this.context = parts.context;
    this.mm = parts.mm;
    this.files = parts.files;
    this.fsContext = parts.fsContext;
    this.#credentials = parts.credentials;
    this.scheduling = new Scheduling(parts.kernel.cpuCount);
  }

  /** Names process and thread after the program that they now run. */
  become({ name, file }: ProgramFile): void {
    this.process.executable = file.location;
    this.comm = name.slice(name.lastIndexOf('/') + 1).slice(0, COMM_LENGTH);
  }

  /** getpid(2): the id of the process. */
  get pid(): number {
    return this.process.pid;
  }

  get credentials(): Credentials {
    return this.#credentials;
  }

  set credentials(credentials: Credentials) {
    this.#credentials = credentials;
    this.mm.user = credentials;
    this.answers.withdraw();
  }

  /** CPU time in milliseconds. What the thread did not wait it ran, here or in the guest. */
  get cpuTime(): number {
    return (this.#waitsSince ?? performance.now()) - this.startTime - this.idleTime;
  }

  /** An asynchronous switch is under way: the thread runs in the guest while others run here. */
  get inGuest(): boolean {
    return this.#inGuest;
  }

  set inGuest(inGuest: boolean) {
    this.#inGuest = inGuest;
    if (!inGuest) this.#guestExits.happened();
  }

  /** Brings the thread out of the guest, and resolves when it is: it may be in again by then. */
  async leaveGuest(): Promise<void> {
    const { event } = this.#guestExits.next();
    this.context.interrupt();
    await event;
  }

  /** It waits for something, in the middle of a call. */
  get isWaiting(): boolean {
    return this.#wake !== undefined;
  }

  /** Not even what no signal cuts short keeps the thread: it is to end, or SIGKILL is on its way. */
  get isDoomed(): boolean {
    const { pending } = this.process;
    return this.isEnding || this.pending.set.has(Signo.SIGKILL) || pending.set.has(Signo.SIGKILL);
  }

  /** The thread has nothing more to do in the guest. */
  get isEnding(): boolean {
    return this.ending !== undefined || this.process.exitStatus !== undefined;
  }

  /** A signal is on its way that the mask lets through, or the thread is to stop or to end. */
  get hasWork(): boolean {
    if (this.isEnding || this.process.stopped) return true;
    const mask = this.awaited === undefined ? this.blocked : this.blocked.without(this.awaited);
    return (
      this.pending.set.firstNotIn(mask) !== 0 || this.process.pending.set.firstNotIn(mask) !== 0
    );
  }

  /** Whether a signal that is sent now comes through to this thread. */
  accepts(signo: number): boolean {
    if (this.ending !== undefined) return false;
    return !this.blocked.has(signo) || this.awaited?.has(signo) === true;
  }

  /**
   * Awaits a blocking operation. If a signal that is not ignored comes first, calls `cancel` and gives -EINTR.
   */
  async block<T>(promise: Promise<T>, cancel: () => void): Promise<T | number> {
    if (this.hasWork) {
      cancel();
      return -Errno.EINTR;
    }
    return this.#wait(promise, cancel);
  }

  /** As `block`, but no signal matters that does not end the thread. */
  async blockUntilEnding<T>(promise: Promise<T>): Promise<T | number> {
    if (this.isDoomed) return -Errno.EINTR;
    this.#isUninterruptible = true;
    try {
      return await this.#wait(promise, () => undefined);
    } finally {
      this.#isUninterruptible = false;
    }
  }

  async #wait<T>(promise: Promise<T>, cancel: () => void): Promise<T | number> {
    const begin = performance.now();
    this.#waitsSince = begin;
    const interrupted = new Promise<number>((resolve) => {
      this.#wake = () => {
        cancel();
        resolve(-Errno.EINTR);
      };
    });
    this.kernel.runnable--;
    try {
      return await Promise.race([promise, interrupted]);
    } finally {
      this.kernel.runnable++;
      this.#wake = undefined;
      this.#waitsSince = undefined;
      this.idleTime += performance.now() - begin;
    }
  }

  /** Queues a signal for this thread, as a failing write(2) does with SIGPIPE. False where the queue is full. */
  sendSignal(signo: number, info: SignalInfo = { signo, code: SiCode.SI_KERNEL }): boolean {
    if (!this.process.prepare(signo)) {
      this.kernel.tracer?.discarded(this, info);
      return true;
    }
    if (!this.pending.add(info)) return false;
    this.process.signalArrivals.wake(Poll.IN);
    if (this.accepts(signo)) this.wake();
    return true;
  }

  /** Sends a signal that a fault raised: one that is blocked or ignored ends the process all the same. */
  forceSignal(info: SignalInfo): void {
    const { signo } = info;
    if (this.blocked.has(signo) || this.process.actions.ignores(signo)) {
      this.process.actions.reset(signo);
      this.blocked.remove(signo);
    }
    this.pending.add(info);
  }

  /** Sets the mask; SIGKILL and SIGSTOP cannot be blocked. */
  setBlocked(mask: SignalSet): void {
    const before = this.blocked;
    this.blocked = mask.without(UNBLOCKABLE);
    this.#passOn(before);
  }

  /** Signals of the process that this thread was to take, and now blocks, are another thread's. */
  #passOn(before: SignalSet): void {
    const { pending, tasks } = this.process;
    if (tasks.size < 2 || pending.set.isEmpty) return;
    for (let signo = 1; signo <= SIGNAL_COUNT; signo++) {
      if (pending.set.has(signo) && this.blocked.has(signo) && !before.has(signo)) {
        this.process.wakeFor(signo);
      }
    }
  }

  /** Cuts a wait short, or brings the thread out of the guest; false where it waits on all the same. */
  wake(): boolean {
    const wake = this.#wake;
    if (wake !== undefined) {
      if (this.#isUninterruptible && !this.isDoomed) return false;
      this.#wake = undefined;
      wake();
    } else if (this.inGuest) {
      this.context.interrupt();
    }
    return true;
  }

  /** In the middle of a call that takes long: gives the others a turn. False where the thread is to end. */
  async takeTurn(): Promise<boolean> {
    await eventLoopTurn();
    return !this.isDoomed;
  }

  /** Waits until the process goes on, or the thread is to end. */
  async sleepWhileStopped(): Promise<void> {
    while (this.process.stopped && !this.isEnding) {
      await this.#wait(new Promise<number>(() => undefined), () => undefined);
    }
  }
}

const UNBLOCKABLE = SignalSet.of(Signo.SIGKILL, Signo.SIGSTOP);

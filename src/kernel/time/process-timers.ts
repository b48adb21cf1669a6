/** The timers of a process: setitimer(2) and timer_create(2). */
import { SiCode, Signo } from '../abi/signal.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import type { Process } from '../task/process.js';
import type { Task } from '../task/task.js';
import { Rlimit } from '../task/resource-limits.js';
import { IntervalTimer } from './interval-timer.js';
import { cpuClock, type TimerClock } from './timer-clock.js';

/** What a timer does when it expires, `struct sigevent`. */
export interface TimerEvent {
  /** 0: nothing. */
  readonly signo: number;
  readonly value: bigint;
  /** SIGEV_THREAD_ID: the thread that the signal is for. */
  readonly thread: Task | undefined;
}

/** RLIMIT_SIGPENDING bounds them on Linux. */
const MAX_TIMERS = 4096;
/** Bytes of the host's that one takes. */
const TIMER_SIZE = 768;
/** Overruns are counted up to here: an int holds them. */
const DELAYTIMER_MAX = 0x7fffffff;

/** A timer of timer_create(2). */
export class PosixTimer {
  readonly timer: IntervalTimer;
  /** Expiries since the signal was sent that was delivered last, timer_getoverrun(2). */
  overrun = 0;
  /** Expiries since the signal was sent that is on its way. */
  #missed = 0;
  readonly #process: Process;

  constructor(
    process: Process,
    readonly id: number,
    clock: TimerClock,
    readonly event: TimerEvent,
  ) {
    this.#process = process;
    this.timer = new IntervalTimer((missed) => {
      this.#expire(missed);
    }, clock);
  }

  #expire(expiries: number): void {
    const missed = Math.min(expiries, DELAYTIMER_MAX);
    const { signo, value, thread } = this.event;
    if (signo === 0) return;
    const isPending = (thread ?? this.#process).pending.hasTimer(signo, this.id);
    // One signal of a timer is on its way at a time: the next expiries are counted.
    if (isPending) {
      this.#missed = Math.min(this.#missed + missed + 1, DELAYTIMER_MAX);
      return;
    }
    this.#missed = missed;
    const info = {
      signo,
      code: SiCode.SI_TIMER,
      value,
      timer: {
        id: this.id,
        overrun: missed,
        onTaken: () => (this.overrun = this.#missed),
      },
    };
    (thread ?? this.#process).sendSignal(signo, info);
  }
}

const SECOND = 1000;
/** A limit that nothing reaches. */
const MOST_CPU_SECONDS = 1e9;

/** ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
export type IntervalTimers = readonly [IntervalTimer, IntervalTimer, IntervalTimer];

export class ProcessTimers {
  readonly interval: IntervalTimers;
  /** Those of timer_create(2), by id. */
  readonly #posix = new Map<number, PosixTimer>();
  readonly #kernelMemory: KernelMemory;
  readonly #process: Process;
  readonly #cpuLimit: IntervalTimer;
  #lastId = -1;

  constructor(process: Process) {
    const clock = processCpuClock(process);
    this.#process = process;
    this.#cpuLimit = new IntervalTimer(() => {
      this.#onCpuLimit();
    }, clock);
    this.#kernelMemory = KernelMemory.of(process.kernel.memory);
    this.interval = [
      new IntervalTimer(sender(process, Signo.SIGALRM)),
      new IntervalTimer(sender(process, Signo.SIGVTALRM), clock),
      new IntervalTimer(sender(process, Signo.SIGPROF), clock),
    ];
  }

  get(id: number): PosixTimer | undefined {
    return this.#posix.get(id);
  }

  /** There may be one timer more. */
  get hasRoom(): boolean {
    const { held, limit } = this.#kernelMemory;
    return this.#posix.size < MAX_TIMERS && held + TIMER_SIZE <= limit;
  }

  add(timer: PosixTimer): void {
    this.#kernelMemory.take(TIMER_SIZE);
    this.#posix.set(timer.id, timer);
  }

  delete({ timer, id }: PosixTimer): void {
    timer.disarm();
    if (this.#posix.delete(id)) this.#kernelMemory.give(TIMER_SIZE);
  }

  /** The lowest id that no timer has had since execve(2). */
  nextId(): number {
    return ++this.#lastId;
  }

  /** execve(2) and the end of the process delete timers; interval timers go on through execve(2). */
  deletePosix(): void {
    for (const timer of [...this.#posix.values()]) this.delete(timer);
    this.#lastId = -1;
  }

  /** RLIMIT_CPU may have changed. */
  limitCpu(): void {
    const soft = this.#process.limits.soft(Rlimit.Cpu);
    this.#cpuLimit.disarm();
    // Linux takes none at all for one second.
    if (soft < MOST_CPU_SECONDS) this.#cpuLimit.armAt(Math.max(soft, 1) * SECOND, SECOND);
  }

  /** Every second from the soft limit on, and no longer than to the hard one. */
  #onCpuLimit(): void {
    const hard = this.#process.limits.get(Rlimit.Cpu)?.hard ?? Infinity;
    const signo = this.#process.cpuTime >= hard * SECOND ? Signo.SIGKILL : Signo.SIGXCPU;
    this.#process.sendSignal(signo, { signo, code: SiCode.SI_KERNEL });
  }

  dispose(): void {
    this.deletePosix();
    this.#cpuLimit.disarm();
    for (const timer of this.interval) timer.disarm();
  }
}

export function processCpuClock(process: Process): TimerClock {
  return cpuClock(
    () => process.cpuTime,
    () => Math.max(process.tasks.size, 1),
  );
}

function sender(process: Process, signo: number): () => void {
  return () => {
    process.sendSignal(signo, { signo, code: SiCode.SI_KERNEL });
  };
}

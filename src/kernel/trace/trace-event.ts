/** What a tracer tells, in the order in which it happens. Times are milliseconds of `performance.now()`. */
interface Event {
  readonly tid: number;
  readonly time: number;
}

/** A task is there. The first of a sandbox has no parent. */
export interface TaskAttached extends Event {
  readonly kind: 'attached';
  readonly pid: number;
  readonly parent: number | undefined;
  /** As /proc/self/comm has it. */
  readonly program: string;
}

export interface CallEntered extends Event {
  readonly kind: 'entered';
  readonly number: number;
  readonly name: string;
  /** The arguments before the first that the call fills in. */
  readonly args: readonly string[];
  /** More of them come with the answer. */
  readonly isCut: boolean;
}

/** The handler has given way: the answer takes its time, and other tasks go on meanwhile. */
export interface CallWaits extends Event {
  readonly kind: 'waits';
}

export interface CallAnswered extends Event {
  readonly kind: 'answered';
  /** The arguments that the call fills in, and those behind them. */
  readonly args: readonly string[];
  /** `3`, `-1 ENOENT (No such file or directory)`, `?`. */
  readonly result: string;
  readonly failed: boolean;
  /** Milliseconds that the handler worked before it answered or gave way. */
  readonly busy: number;
  /** What the task runs from now on, behind execve(2). */
  readonly program?: string;
}

export interface SignalTaken extends Event {
  readonly kind: 'signal';
  readonly signo: number;
  readonly name: string;
  /** siginfo_t. */
  readonly info: string;
}

/** A signal has stopped the process, signal(7). */
export interface TaskStopped extends Event {
  readonly kind: 'stopped';
  /** Of the signal. */
  readonly name: string;
}

/** The end of a task. A call that it was in is never answered. */
export interface TaskEnded extends Event {
  readonly kind: 'ended';
  /** `exited with 0`, `killed by SIGTERM`. */
  readonly how: string;
}

export type TraceEvent =
  TaskAttached | CallEntered | CallWaits | CallAnswered | SignalTaken | TaskStopped | TaskEnded;

/** System calls by number: those of the set, or with `inverted` all others. */
export interface CallSelection {
  readonly numbers: ReadonlySet<number>;
  readonly inverted: boolean;
}

export interface TraceOptions {
  readonly onEvent: (event: TraceEvent) => void;
  /** Calls to tell of; all by default. */
  readonly calls?: CallSelection;
  /** Also tell of what the first task starts; true by default. */
  readonly follow?: boolean;
  /** Most bytes of a string that are shown; 32 by default. */
  readonly stringLimit?: number;
}

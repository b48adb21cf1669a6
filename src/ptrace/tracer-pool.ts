/**
 * Which context runs on which tracer thread. All decisions are made on the thread that owns the platform. Contexts
 * beyond the pool wait in turn, and while one waits, whoever has run for a slice is asked to come out.
 */
import type {
  NativeTraceContext,
  NativeTraceMachine,
  NativeTraceSpace,
} from '../host/native-ptrace.js';
import { native } from '../host/native.js';
import { PlatformError } from '../platform/errors.js';

const SLICE_MS = 10;

/** One asynchronous switch. */
interface Job {
  readonly context: NativeTraceContext;
  readonly space: NativeTraceSpace;
  readonly registers: ArrayBuffer;
  readonly settle: (result: number) => void;
  readonly fail: (error: Error) => void;
  startedAt: number;
}

export class TracerPool {
  readonly #machine: NativeTraceMachine;
  /** Job of each tracer thread. */
  readonly #jobs: (Job | undefined)[];
  readonly #waiting: Job[] = [];
  #slices: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(machine: NativeTraceMachine, count: number) {
    const { maxVcpus } = native.constants;
    if (!Number.isInteger(count) || count < 1 || count > maxVcpus) {
      throw new PlatformError(`a platform has 1 to ${maxVcpus} vCPUs, not ${count}`);
    }
    this.#machine = machine;
    this.#jobs = new Array<undefined>(count).fill(undefined);
    machine.onDone((runner) => {
      this.#finish(runner);
    });
  }

  get size(): number {
    return this.#jobs.length;
  }

  /**
   * Switches on the calling thread, which traces a thread of each stub itself and needs none of the pool's. Its CPU
   * number is that of one that is idle, if there is one.
   */
  runSync(
    context: NativeTraceContext,
    space: NativeTraceSpace,
    registers: ArrayBuffer,
    budget: number,
  ): number {
    this.#checkOpen();
    const cpu = Math.max(0, this.#idle(context.cpu));
    return this.#machine.runSync(context, space, registers, budget, cpu);
  }

  /** Switches on a tracer thread. */
  run(
    context: NativeTraceContext,
    space: NativeTraceSpace,
    registers: ArrayBuffer,
  ): Promise<number> {
    return new Promise((settle, fail) => {
      this.#checkOpen();
      const job = { context, space, registers, settle, fail, startedAt: 0 };
      const runner = this.#waiting.length > 0 ? -1 : this.#idle(context.cpu);
      if (runner >= 0) {
        this.#start(runner, job);
        return;
      }
      this.#waiting.push(job);
      this.#slices ??= setInterval(() => {
        this.#endSlices();
      }, SLICE_MS / 2);
    });
  }

  /** Ends every switch, waiting ones too. */
  close(): void {
    this.#closed = true;
    this.#stopSlices();
    const abandoned = [...this.#jobs, ...this.#waiting.splice(0)].filter(
      (job) => job !== undefined,
    );
    this.#jobs.fill(undefined);
    for (const job of abandoned) {
      job.context.interrupt();
      job.fail(new PlatformError('the platform has been disposed'));
    }
  }

  /** A free tracer thread, `preferred` if it is; or -1. */
  #idle(preferred: number): number {
    if (preferred >= 0 && this.#jobs[preferred] === undefined) return preferred;
    return this.#jobs.indexOf(undefined);
  }

  #start(runner: number, job: Job): void {
    job.startedAt = performance.now();
    this.#jobs[runner] = job;
    const status = this.#machine.start(runner, job.context, job.space, job.registers);
    if (status >= 0) return;
    this.#jobs[runner] = undefined;
    job.fail(new PlatformError('the host lets a stub process have no more threads'));
  }

  #finish(runner: number): void {
    const job = this.#jobs[runner];
    if (job === undefined || this.#closed) return;
    const result = this.#machine.finish(runner, job.registers);
    if (result === undefined) return;
    this.#jobs[runner] = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#start(runner, next);
    if (this.#waiting.length === 0) this.#stopSlices();
    job.settle(result);
  }

  #endSlices(): void {
    const before = performance.now() - SLICE_MS;
    for (const job of this.#jobs) {
      if (job !== undefined && job.startedAt < before) job.context.interrupt();
    }
  }

  #stopSlices(): void {
    clearInterval(this.#slices);
    this.#slices = undefined;
  }

  #checkOpen(): void {
    if (this.#closed) throw new PlatformError('the platform has been disposed');
  }
}

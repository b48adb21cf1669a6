/**
 * Which context runs on which vCPU. All decisions are made on the thread that owns the machine, so there is nothing
 * to lock: a vCPU belongs to one switch at a time, from the decision to its end.
 *
 * A context goes back to the vCPU it last ran on if that is free: its extended state is there still. Contexts
 * beyond the pool wait in turn, and while one waits, whoever has run for a slice is asked to come out.
 *
 * A context that is told of a preemption keeps its vCPU for a turn of the event loop: it has to enter once more to
 * get on, and if others came in between, they would preempt each other for ever.
 */
import {
  native,
  type NativeContext,
  type NativeMachine,
  type NativeSpace,
} from '../host/native.js';
import { Lookout } from './lookout.js';
import { SwitchResult } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';

const SLICE_MS = 10;
/** Milliseconds for which switches may end without a turn of the event loop. */
const MOST_TURN = 1;

/** For a switch that needs a thread, its own or one to end it, and cannot have it. */
export function noThread(): PlatformError {
  return new PlatformError(
    "the host gives no more threads; raise 'ulimit -u' or the cgroup's pids.max",
  );
}

/** One asynchronous switch. */
interface Job {
  readonly context: NativeContext;
  readonly space: NativeSpace;
  readonly registers: ArrayBuffer;
  readonly cpu: number;
  readonly settle: (result: number) => void;
  readonly fail: (error: Error) => void;
  startedAt: number;
  /** Of a switch that has ended and is to be settled. */
  result: number | undefined;
}

export class VcpuPool {
  readonly #machine: NativeMachine;
  /** Job of each vCPU: undefined while idle, null until the vCPU is made. */
  readonly #jobs: (Job | undefined | null)[];
  /** Context that alone may claim the vCPU. */
  readonly #reserved: (NativeContext | undefined)[] = [];
  /** Context that ran last on the vCPU, and whose extended state is there. */
  readonly #holders: (NativeContext | undefined)[] = [];
  readonly #waiting: Job[] = [];
  readonly #lookout = new Lookout(
    () => this.#finishAny(),
    () => this.#jobs.some((job) => job != null && job.result === undefined),
  );
  #slices: NodeJS.Timeout | undefined;
  #closed = false;
  #isStartDue = false;
  /** Jobs that have been settled. */
  #ends = 0;
  /** When the event loop last had its turn, as far as is known. */
  #turnStart = 0;
  /** The last switch on the calling thread, and what does it once more. */
  readonly #repeat: (cpu: number, budget: number) => number;
  #lastVcpu = -1;
  #lastSpace: NativeSpace | undefined;
  #lastRegisters: ArrayBuffer | undefined;

  constructor(machine: NativeMachine, count: number) {
    const { maxVcpus } = native.constants;
    if (!Number.isInteger(count) || count < 1 || count > maxVcpus) {
      throw new PlatformError(`a machine has 1 to ${maxVcpus} vCPUs, not ${count}`);
    }
    this.#machine = machine;
    this.#repeat = machine.repeater();
    this.#jobs = new Array<null>(count).fill(null);
    machine.onDone((vcpu) => {
      this.#finish(vcpu);
    });
  }

  get size(): number {
    return this.#jobs.length;
  }

  /** Switches on the calling thread. Gives what `NativeMachine.runSync` does. */
  runSync(
    context: NativeContext,
    space: NativeSpace,
    registers: ArrayBuffer,
    cpu: number,
    budget: number,
  ): number {
    let result: number;
    if (this.#isLast(context, space, registers)) {
      result = this.#repeat(cpu, budget);
    } else {
      const claimed = this.#claim(context);
      const vcpu = claimed < 0 ? this.#evict() : claimed;
      if (claimed < 0) this.#hold(vcpu, context);
      this.#lastVcpu = vcpu;
      this.#lastSpace = space;
      this.#lastRegisters = registers;
      result = this.#machine.runSync(vcpu, context, space, registers, cpu, budget);
    }
    if (this.#waiting.length > 0) this.#startSoon();
    return result;
  }

  /** Whether the switch would be the last one on the calling thread once more, on a vCPU that is free for it. */
  #isLast(context: NativeContext, space: NativeSpace, registers: ArrayBuffer): boolean {
    const vcpu = this.#lastVcpu;
    return (
      space === this.#lastSpace &&
      registers === this.#lastRegisters &&
      // It has been moved elsewhere, and its memory with it.
      registers.byteLength > 0 &&
      this.#holders[vcpu] === context &&
      this.#jobs[vcpu] === undefined &&
      this.#reserved[vcpu] === undefined
    );
  }

  /** Switches on a vCPU's thread. */
  run(
    context: NativeContext,
    space: NativeSpace,
    registers: ArrayBuffer,
    cpu: number,
  ): Promise<number> {
    return new Promise((settle, fail) => {
      const job: Job = {
        context,
        space,
        registers,
        cpu,
        settle,
        fail,
        startedAt: 0,
        result: undefined,
      };
      const mayEnter = this.#waiting.length === 0 || this.#reserved[context.cpu] === context;
      const vcpu = mayEnter ? this.#claim(context) : -1;
      if (vcpu >= 0) {
        this.#start(vcpu, job);
        return;
      }
      this.#waiting.push(job);
      this.#slices ??= setInterval(() => {
        this.#endSlices();
      }, SLICE_MS / 2);
    });
  }

  /** What KVM said when the context's last switch failed. */
  failureOf(context: NativeContext): string {
    return this.#machine.failure(context.cpu);
  }

  /** Makes every running context report a preemption; resolves when all have come out. */
  async preemptAll(): Promise<void> {
    const out = this.#jobs.filter((job) => job != null).map((job) => this.#outcome(job));
    this.#machine.preemptAll();
    await Promise.all(out);
  }

  /** Ends every switch, waiting ones too. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#slices);
    this.#slices = undefined;
    const abandoned = [...this.#jobs.filter((job) => job != null), ...this.#waiting.splice(0)];
    for (const job of abandoned) job.context.interrupt();
    this.#jobs.fill(null);
    for (const job of abandoned) {
      this.#tellWatchers(job);
      job.fail(new PlatformError('the platform has been disposed'));
    }
  }

  readonly #watchers = new WeakMap<Job, (() => void)[]>();

  #outcome(job: Job): Promise<void> {
    return new Promise((resolve) => {
      const watchers = this.#watchers.get(job) ?? [];
      watchers.push(resolve);
      this.#watchers.set(job, watchers);
    });
  }

  /** A free vCPU, made if need be, the one that `context` last ran on if it can be; or -1. */
  #claim(context: NativeContext): number {
    const own = this.#holders.indexOf(context);
    if (own >= 0 && this.#jobs[own] === undefined && this.#reserved[own] === undefined) return own;
    const free = (vcpu: number): boolean =>
      vcpu in this.#jobs &&
      this.#jobs[vcpu] === undefined &&
      (this.#reserved[vcpu] ?? context) === context;
    let vcpu = free(own) ? own : this.#unclaimed(free);
    if (vcpu < 0) vcpu = this.#jobs.findIndex((_, at) => free(at));
    if (vcpu < 0) return vcpu;
    this.#reserved[vcpu] = undefined;
    this.#hold(vcpu, context);
    return vcpu;
  }

  /** The context's state moves there. */
  #hold(vcpu: number, context: NativeContext): void {
    this.forget(context);
    this.#holders[vcpu] = context;
  }

  /** A free vCPU that holds no context's state, made if need be: a change of contexts saves and loads it all. */
  #unclaimed(free: (vcpu: number) => boolean): number {
    const empty = this.#jobs.findIndex((_, at) => free(at) && this.#holders[at] === undefined);
    if (empty >= 0) return empty;
    const missing = this.#jobs.indexOf(null);
    return missing >= 0 && this.#create(missing) ? missing : -1;
  }

  /** The context is gone: the vCPU that held its state is as good as a new one. */
  forget(context: NativeContext): void {
    const vcpu = this.#holders.indexOf(context);
    if (vcpu >= 0) this.#holders[vcpu] = undefined;
  }

  #reserve(vcpu: number, context: NativeContext): void {
    this.#reserved[vcpu] = context;
    setImmediate(() => {
      if (this.#reserved[vcpu] === context) this.#reserved[vcpu] = undefined;
      this.#startWaiting();
    });
  }

  /** In a turn of the event loop, so that calls in quick succession on this thread do not evict one each. */
  #startSoon(): void {
    if (this.#isStartDue) return;
    this.#isStartDue = true;
    setImmediate(() => {
      this.#isStartDue = false;
      this.#startWaiting();
    });
  }

  /** Whether the vCPU could be made: if not, the pool is as many as there are, until the host has more to give. */
  #create(vcpu: number): boolean {
    const status = this.#machine.createVcpu(vcpu);
    if (status < 0 && vcpu === 0) throw new PlatformError(`KVM refuses a vCPU: errno ${-status}`);
    if (status >= 0) this.#jobs[vcpu] = undefined;
    return status >= 0;
  }

  #start(vcpu: number, job: Job): void {
    job.startedAt = performance.now();
    this.#jobs[vcpu] = job;
    const result = this.#machine.start(vcpu, job.context, job.space, job.registers, job.cpu);
    if (result === native.constants.pending) {
      this.#lookout.start();
      return;
    }
    job.result = result;
    if (performance.now() - this.#turnStart < MOST_TURN) this.#end(vcpu, job, result);
    else this.#endLater(vcpu, job);
  }

  /** Settles the vCPU's job, if it is done: the report of one that #evict has settled comes late. */
  #finish(vcpu: number): void {
    const job = this.#jobs[vcpu];
    if (job == null || job.result !== undefined || this.#closed) return;
    const result = this.#machine.finish(vcpu, job.registers);
    if (result !== undefined) this.#end(vcpu, job, result);
  }

  /** Settles the jobs that are done. Whether there were any. */
  #finishAny(): boolean {
    const before = this.#ends;
    for (let vcpu = 0; vcpu < this.#jobs.length; vcpu++) this.#finish(vcpu);
    return this.#ends !== before;
  }

  /** In a turn of the event loop of its own, which calls in quick succession would not leave to anybody. */
  #endLater(vcpu: number, job: Job): void {
    setImmediate(() => {
      this.#turnStart = performance.now();
      if (this.#jobs[vcpu] === job) this.#end(vcpu, job, job.result ?? 0);
    });
  }

  #end(vcpu: number, job: Job, result: number): void {
    this.#ends++;
    this.#jobs[vcpu] = undefined;
    if (result === SwitchResult.CpuPreempted) this.#reserve(vcpu, job.context);
    else this.#startWaiting();
    this.#settle(job, result);
  }

  #settle(job: Job, result: number): void {
    this.#tellWatchers(job);
    job.settle(result);
  }

  #tellWatchers(job: Job): void {
    for (const watcher of this.#watchers.get(job) ?? []) watcher();
  }

  /** Frees a vCPU for a switch on this thread, which would otherwise wait for itself to return to its event loop. */
  #evict(): number {
    let vcpu = 0;
    for (let at = 1; at < this.#jobs.length; at++) {
      if (this.#jobs[at] === null) continue;
      if ((this.#jobs[at]?.startedAt ?? 0) < (this.#jobs[vcpu]?.startedAt ?? 0)) vcpu = at;
    }
    const job = this.#jobs[vcpu];
    if (job != null && job.result === undefined) {
      job.context.interrupt();
      this.#machine.wait(vcpu);
      job.result = this.#machine.finish(vcpu, job.registers);
    }
    this.#jobs[vcpu] = undefined;
    if (job != null) this.#settle(job, job.result ?? 0);
    return vcpu;
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const job = this.#waiting[0] as Job;
      const vcpu = this.#claim(job.context);
      if (vcpu < 0) return;
      this.#waiting.shift();
      this.#start(vcpu, job);
    }
    if (this.#waiting.length > 0) return;
    clearInterval(this.#slices);
    this.#slices = undefined;
  }

  #endSlices(): void {
    const before = performance.now() - SLICE_MS;
    for (const job of this.#jobs) {
      if (job != null && job.startedAt < before) job.context.interrupt();
    }
  }
}

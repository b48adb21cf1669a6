import { SIGRTMIN } from '../abi/signal.js';
import type { KernelMemory } from '../fs/kernel-memory.js';
import type { SignalInfo } from './signal-info.js';
import { SignalSet } from './signal-set.js';

/** Real-time signals queue; no more than so many, as RLIMIT_SIGPENDING has it. */
const MAX_QUEUED = 4096;
/** Bytes of the host's that one in the queue takes. */
const SIGNAL_SIZE = 192;

/** Signals sent and not yet delivered: a standard signal at most once, real-time ones in order. */
export class PendingSignals {
  readonly set = new SignalSet();
  #queue: SignalInfo[] = [];
  #closed = false;

  constructor(readonly kernelMemory: KernelMemory) {}

  /** Whether it was queued: false where the queue is full, or those have ended that it was for. */
  add(info: SignalInfo): boolean {
    if (this.#closed) return false;
    if (this.set.has(info.signo)) {
      if (info.signo < SIGRTMIN) return true;
      if (this.#queue.length >= MAX_QUEUED) return false;
    }
    // Of standard signals there are only so many.
    if (info.signo >= SIGRTMIN && !this.kernelMemory.take(SIGNAL_SIZE)) return false;
    this.set.add(info.signo);
    this.#queue.push(info);
    return true;
  }

  /** Takes the next signal that `blocked` lets through, lowest number first. */
  take(blocked: SignalSet): SignalInfo | undefined {
    const signo = this.set.firstNotIn(blocked);
    if (signo === 0) return undefined;
    const index = this.#queue.findIndex((info) => info.signo === signo);
    const [info] = this.#queue.splice(index, 1);
    this.#giveBack(signo, 1);
    if (!this.#queue.some((other) => other.signo === signo)) this.set.remove(signo);
    return info;
  }

  /** Whether a signal of a timer of timer_create(2) is among them. */
  hasTimer(signo: number, id: number): boolean {
    return (
      this.set.has(signo) &&
      this.#queue.some((info) => info.signo === signo && info.timer?.id === id)
    );
  }

  discard(signo: number): void {
    if (!this.set.has(signo)) return;
    this.set.remove(signo);
    const before = this.#queue.length;
    this.#queue = this.#queue.filter((info) => info.signo !== signo);
    this.#giveBack(signo, before - this.#queue.length);
  }

  /** Nobody takes signals here any more. */
  close(): void {
    for (const { signo } of this.#queue) this.discard(signo);
    this.#closed = true;
  }

  #giveBack(signo: number, count: number): void {
    if (signo >= SIGRTMIN) this.kernelMemory.give(count * SIGNAL_SIZE);
  }
}

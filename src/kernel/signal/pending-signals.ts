import { SIGRTMIN, SiCode } from '../abi/signal.js';
import type { KernelMemory } from '../fs/kernel-memory.js';
import type { SignalInfo } from './signal-info.js';
import { SignalSet } from './signal-set.js';

/** Bytes of the host's that one in the queue takes. */
const SIGNAL_SIZE = 192;

/** Signals sent and not yet delivered: a standard signal at most once, real-time ones in order. */
export class PendingSignals {
  readonly set = new SignalSet();
  #queue: SignalInfo[] = [];
  #closed = false;

  constructor(
    readonly kernelMemory: KernelMemory,
    /** RLIMIT_SIGPENDING: no more are queued. */
    readonly limit: () => number,
  ) {}

  /** Whether it is on its way: false where the queue is full, or those have ended that it was for. */
  add(info: SignalInfo): boolean {
    if (this.#closed) return false;
    if (info.signo < SIGRTMIN && this.set.has(info.signo)) return true;
    if (info.signo >= SIGRTMIN && !this.#hasRoom(info)) {
      // kill(2) never fails for that: the number alone gets through.
      if (info.code !== SiCode.SI_USER) return false;
      this.set.add(info.signo);
      return true;
    }
    this.set.add(info.signo);
    this.#queue.push(info);
    return true;
  }

  /** Of standard signals, and those of timers, there are only so many. */
  #hasRoom({ timer }: SignalInfo): boolean {
    if (timer === undefined && this.#queue.length >= this.limit()) return false;
    return this.kernelMemory.take(SIGNAL_SIZE);
  }

  /** Takes the next signal that `blocked` lets through, lowest number first. */
  take(blocked: SignalSet): SignalInfo | undefined {
    const signo = this.set.firstNotIn(blocked);
    if (signo === 0) return undefined;
    const index = this.#queue.findIndex((info) => info.signo === signo);
    if (index < 0) {
      this.set.remove(signo);
      return { signo, code: SiCode.SI_USER };
    }
    const [info] = this.#queue.splice(index, 1);
    this.#giveBack(signo, 1);
    if (!this.#queue.some((other) => other.signo === signo)) this.set.remove(signo);
    const timer = info?.timer;
    if (info === undefined || timer?.onTaken === undefined) return info;
    return { ...info, timer: { id: timer.id, overrun: timer.onTaken() } };
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

/** Signals that are read instead of delivered, signalfd(2). */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { Poll } from '../../abi/poll.js';
import type { SignalInfo } from '../../signal/signal-info.js';
import { encodeSignalFdInfo, SIGNALFD_SIGINFO_SIZE } from '../../signal/signal-fd-info.js';
import { SignalSet } from '../../signal/signal-set.js';
import type { Task } from '../../task/task.js';
import { AnonymousFile } from './anonymous-file.js';

/** Gives the signals that wait for whoever reads: it belongs to no process, and passes through fork(2) as it is. */
export class SignalFd extends AnonymousFile {
  #mask: SignalSet;

  constructor(mask: SignalSet, flags: number) {
    super(O.RDWR | flags, '[signalfd]');
    this.#mask = mask;
  }

  get mask(): SignalSet {
    return this.#mask;
  }

  /** signalfd(2) on an existing descriptor. */
  set mask(mask: SignalSet) {
    this.#mask = mask;
    this.queue.wake(Poll.IN);
  }

  override read(dst: Uint8Array, task?: Task): number {
    if (dst.length < SIGNALFD_SIGINFO_SIZE) {
      return -Errno.EINVAL;
    }
    let done = 0;
    while (done + SIGNALFD_SIGINFO_SIZE <= dst.length) {
      const info = task === undefined ? undefined : take(task, this.#others());
      if (info === undefined) {
        break;
      }
      encodeSignalFdInfo(info, dst.subarray(done, done + SIGNALFD_SIGINFO_SIZE));
      done += SIGNALFD_SIGINFO_SIZE;
    }
    return done === 0 ? -Errno.EAGAIN : done;
  }

  override poll(task?: Task): number {
    const others = this.#others();
    const waiting =
      task !== undefined &&
      (task.pending.set.firstNotIn(others) !== 0 ||
        task.process.pending.set.firstNotIn(others) !== 0);
    return waiting ? Poll.IN : 0;
  }

  override watch(events: number, wake: () => void, task?: Task): () => void {
    const stopOwn = super.watch(events, wake);
    const stopSignals = task?.process.signalArrivals.add(Poll.IN, wake);
    return () => {
      stopOwn();
      stopSignals?.();
    };
  }

  override fdinfo(): string {
    const hex = (half: number): string => (half >>> 0).toString(16).padStart(8, '0');
    return `sigmask:\t${hex(this.#mask.high)}${hex(this.#mask.low)}\n`;
  }

  /** The signals that it does not give. */
  #others(): SignalSet {
    return new SignalSet(~this.#mask.low, ~this.#mask.high);
  }
}

function take(task: Task, others: SignalSet): SignalInfo | undefined {
  return task.pending.take(others) ?? task.process.pending.take(others);
}

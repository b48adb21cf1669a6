/** A program under way in a sandbox, as seen from outside. */
import { constants } from 'node:os';
import type { Task } from '../kernel/task/task.js';

/** How a program ended: by itself with an exit code, or by a signal. One of the two is null. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  /** `SIGSEGV`; real-time signals are `SIGRTMIN+n`. */
  readonly signal: string | null;
  readonly signalNumber: number | null;
}

export interface Program {
  /** Id of its process inside the sandbox. */
  readonly pid: number;
  /** Settles when the program has ended; rejects only where the platform itself failed under it. */
  readonly ended: Promise<ProgramEnd>;
  /** Sends a signal to the program, SIGTERM by default, as kill(2) does. Nothing happens once it has ended. */
  kill(signal?: NodeJS.Signals | number): void;
}

const SIGRTMIN = 34;

/** Of a sandbox on this thread. */
export class LocalProgram implements Program {
  readonly #task: Task;
  readonly ended: Promise<ProgramEnd>;

  constructor(task: Task) {
    this.#task = task;
    this.ended = task.process.exited.then((status) =>
      'code' in status ? exited(status.code) : killed(status.signal),
    );
  }

  get pid(): number {
    return this.#task.pid;
  }

  kill(signal: NodeJS.Signals | number = 'SIGTERM'): void {
    const number = signalNumber(signal);
    if (number > 0) this.#task.process.sendSignal(number);
  }

  /** A job that the program started, rather than the program itself, is in the foreground of the terminal. */
  get hasForegroundJob(): boolean {
    const { hostTerminal } = this.#task.kernel;
    return hostTerminal.foregroundGroup !== this.#task.process.processGroup;
  }

  /** Sends a signal to the foreground process group, as a key of the terminal does. */
  signalForeground(signal: NodeJS.Signals): void {
    this.#task.kernel.signalForeground(constants.signals[signal]);
  }
}

function exited(exitCode: number): ProgramEnd {
  return { exitCode, signal: null, signalNumber: null };
}

function killed(signalNumber: number): ProgramEnd {
  return { exitCode: null, signal: signalName(signalNumber), signalNumber };
}

/** @throws {TypeError} for a signal that there is none of */
export function signalNumber(signal: NodeJS.Signals | number): number {
  const number = typeof signal === 'number' ? signal : constants.signals[signal];
  if (Number.isInteger(number) && number >= 0 && number <= 64) return number;
  throw Object.assign(new TypeError(`Unknown signal: ${String(signal)}`), {
    code: 'ERR_UNKNOWN_SIGNAL',
  });
}

/** `SIGSEGV` for 11. SIGIOT and SIGPOLL are second names, behind the first in Node's list. */
export function signalName(signal: number): string {
  if (signal >= SIGRTMIN) return signal === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signal - SIGRTMIN}`;
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? `SIG${signal}`;
}

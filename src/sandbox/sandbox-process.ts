/** A program in a sandbox, seen as node:child_process shows one of the host's. */
import { EventEmitter } from 'node:events';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { StartError } from '../errors.js';
import type { SpawnOptions } from '../options.js';
import { signalNumber, type Program, type ProgramEnd } from './program.js';
import type { Launched } from './sandbox-host.js';
import { feed } from './stdio.js';

/** Milliseconds: a day. */
const LONG = 86_400_000;

export interface SandboxProcessEvents {
  /** It runs: `pid` is there. */
  spawn: [];
  /** It could not be started, it was aborted, or the sandbox failed under it. */
  error: [error: Error];
  /** It has ended; one of the two is null. */
  exit: [code: number | null, signal: string | null];
  /** It has ended, and nobody in the sandbox holds its standard streams any more. */
  close: [code: number | null, signal: string | null];
}

/**
 * As ChildProcess of node:child_process, but for `pid`, which is there with the event `spawn` and not before; it is the
 * number inside the sandbox. Signals sent before are delivered then.
 */
export class SandboxProcess extends EventEmitter<SandboxProcessEvents> {
  pid: number | undefined;
  /** Null until it ends, and where a signal ended it. */
  exitCode: number | null = null;
  /** `SIGKILL`, where a signal ended it. */
  signalCode: string | null = null;
  /** A signal has been sent by `kill`. */
  killed = false;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** The streams by descriptor: null for what is not a pipe. */
  readonly stdio: readonly (Readable | Writable | null)[];
  #program: Program | undefined;
  #hasEnded = false;
  readonly #early: number[] = [];
  /** Streams that are not closed yet, and the end itself. */
  #pending = 1;
  readonly #cleanUp: (() => void)[] = [];
  readonly #alive: NodeJS.Timeout;

  /** Use `Sandbox.spawn`. */
  constructor(
    readonly spawnfile: string,
    readonly spawnargs: readonly string[],
    options: SpawnOptions,
    targets: ReadonlyMap<number, Writable>,
    launch: () => Launched,
  ) {
    super();
    checkLimits(options);
    const { streams, program } = launch();
    const own = streams.map((stream, fd) => (targets.has(fd) ? null : stream));
    this.stdio = own;
    this.stdin = (own[0] ?? null) as Writable | null;
    this.stdout = (own[1] ?? null) as Readable | null;
    this.stderr = (own[2] ?? null) as Readable | null;
    for (const [fd, target] of targets) feed(streams[fd] as Readable, target);
    // Whoever waits for what the sandbox does waits for nothing that Node.js knows of.
    this.#alive = setInterval(() => undefined, LONG);
    for (const stream of streams) this.#awaitClosed(stream);
    this.#limit(options);
    program.then(
      (started) => this.#started(started),
      (error: unknown) => this.#failed(error),
    );
  }

  /**
   * Sends a signal: true where it could be sent. 0 only asks whether it could be.
   * @throws {TypeError} for a signal that there is none of
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = signalNumber(signal);
    if (this.#hasEnded) return false;
    if (number === 0) return true;
    if (this.#program === undefined) this.#early.push(number);
    else this.#program.kill(number);
    this.killed = true;
    return true;
  }

  [Symbol.dispose](): void {
    this.kill();
  }

  #awaitClosed(stream: Readable | Writable | null): void {
    if (stream === null) return;
    this.#pending++;
    stream.once('close', () => this.#closedOne());
  }

  #limit({ signal, timeout = 0, killSignal = 'SIGTERM' }: SpawnOptions): void {
    if (timeout > 0) {
      const timer = setTimeout(() => this.kill(killSignal), timeout);
      this.#cleanUp.push(() => clearTimeout(timer));
    }
    if (signal === undefined) return;
    const abort = (): void => {
      if (this.kill(killSignal)) this.emit('error', abortError(signal));
    };
    if (signal.aborted) process.nextTick(abort);
    else signal.addEventListener('abort', abort, { once: true });
    this.#cleanUp.push(() => signal.removeEventListener('abort', abort));
  }

  #started(program: Program): void {
    this.#program = program;
    this.pid = program.pid;
    for (const number of this.#early) program.kill(number);
    // What listeners throw is an uncaught exception, as with any emitter, and no rejection.
    process.nextTick(() => this.emit('spawn'));
    program.ended.then(
      (end) => process.nextTick(() => this.#ended(end)),
      (error: unknown) => this.#failed(error),
    );
  }

  #ended(end: ProgramEnd): void {
    this.exitCode = end.exitCode;
    this.signalCode = end.signal;
    this.#over();
    try {
      this.emit('exit', this.exitCode, this.signalCode);
    } finally {
      process.nextTick(() => this.#flush());
      this.#closedOne();
    }
  }

  #failed(error: unknown): void {
    process.nextTick(() => {
      if (error instanceof StartError) this.exitCode = -(errnoOf(error.code) ?? 1);
      this.#over();
      try {
        this.emit('error', error instanceof Error ? error : new Error(String(error)));
      } finally {
        for (const stream of this.stdio) stream?.destroy();
        this.#closedOne();
      }
    });
  }

  #over(): void {
    this.#hasEnded = true;
    for (const end of this.#cleanUp) end();
    this.stdin?.destroy();
  }

  /** What nobody reads keeps no stream open. */
  #flush(): void {
    this.stdout?.resume();
    this.stderr?.resume();
  }

  #closedOne(): void {
    if (--this.#pending > 0) return;
    clearInterval(this.#alive);
    this.emit('close', this.exitCode, this.signalCode);
  }
}

/** @throws {TypeError} */
function checkLimits({ signal, timeout = 0, killSignal = 'SIGTERM' }: SpawnOptions): void {
  signalNumber(killSignal);
  if (typeof timeout !== 'number' || !(timeout >= 0)) {
    throw new TypeError(`timeout is milliseconds, not ${String(timeout)}`);
  }
  if (signal !== undefined && !('addEventListener' in signal)) {
    throw new TypeError('signal is an AbortSignal');
  }
}

function errnoOf(code: string): number | undefined {
  return (constants.errno as Readonly<Record<string, number>>)[code];
}

function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

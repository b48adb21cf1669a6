/** Tells of system calls, signals and exits, decoded as strace(1) does. A wrapper around the dispatcher. */
import { Register } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { Signo, signalName } from '../abi/signal.js';
import { syscallName } from '../abi/syscall-names.js';
import { isRestartable } from '../signal/call-restart.js';
import type { SignalObserver } from '../signal/delivery.js';
import type { SignalInfo } from '../signal/signal-info.js';
import type { ArgumentFormat, SyscallRow } from '../syscalls/row.js';
import type { Dispatcher, SyscallTable } from '../syscalls/dispatcher.js';
import type { Task } from '../task/task.js';
import { formatPointer, type ArgumentIndex, type Decoding } from './decoding.js';
import { formatArgument, isOutput } from './format-argument.js';
import { quote } from './quote.js';
import { formatResult, isError } from './result-format.js';
import { formatSignalInfo } from './signal-info-format.js';
import { formatList } from './structure-formats.js';
import type { CallSelection, TraceEvent, TraceOptions } from './trace-event.js';

const EXIT_CALLS: ReadonlySet<number> = new Set([60, 231]);
const EXEC_CALLS: ReadonlySet<number> = new Set([59, 322]);
const EXECVE = 59;
const RT_SIGRETURN = 15;
const STRING_LIMIT = 32;
const ALL: CallSelection = { numbers: new Set(), inverted: true };
/** Of a call without a row nothing is known. */
const UNKNOWN: readonly ArgumentFormat[] = ['hex', 'hex', 'hex', 'hex', 'hex', 'hex'];

export class Tracer {
  readonly #table: SyscallTable;
  readonly #onEvent: (event: TraceEvent) => void;
  readonly #calls: CallSelection;
  readonly #follows: boolean;
  readonly #stringLimit: number;
  /** Where children are not followed. */
  readonly #first = new WeakSet<Task>();
  /** Signals that were thrown away, of each number the last. */
  readonly #discarded = new WeakMap<Task, Map<number, SignalInfo>>();

  constructor(table: SyscallTable, options: TraceOptions) {
    this.#table = table;
    this.#onEvent = options.onEvent;
    this.#calls = options.calls ?? ALL;
    this.#follows = options.follow ?? true;
    this.#stringLimit = options.stringLimit ?? STRING_LIMIT;
  }

  /** The dispatcher that also tells. */
  wrap(dispatch: Dispatcher): Dispatcher {
    return (task, number) => {
      if (!this.#tells(task, number)) return dispatch(task, number);
      const row = this.#table[number];
      const begin = performance.now();
      this.#enter(task, number, row, begin);
      const lengthBefore = readLength(task, row);
      const result = dispatch(task, number);
      const busy = performance.now() - begin;
      if (typeof result === 'number') {
        this.#answer(task, number, row, { value: result, busy, lengthBefore });
        return result;
      }
      this.#onEvent({ kind: 'waits', tid: task.tid, time: begin + busy });
      return result.then((value) => {
        this.#answer(task, number, row, { value, busy, lengthBefore });
        return value;
      });
    };
  }

  /** A program begins: as if it had been called by execve(2). */
  started(task: Task, path: string, argv: readonly string[], env: readonly string[]): void {
    this.#first.add(task);
    this.#attach(task, undefined);
    if (!this.#tells(task, EXECVE)) return;
    const time = performance.now();
    const vars = formatEnvironment(task.registers.getNumber(Register.Rsp), argv, env);
    const { tid, comm } = task;
    const args = [quote(path), formatList(argv, this.#stringLimit), vars];
    this.#onEvent({
      kind: 'entered',
      tid,
      time,
      number: EXECVE,
      name: 'execve',
      args,
      isCut: false,
    });
    const answer = { result: '0', failed: false, busy: 0, program: comm };
    this.#onEvent({ kind: 'answered', tid, time, args: [], ...answer });
  }

  /** A task begins, made by `parent`. */
  cloned(task: Task, parent: Task): void {
    if (this.#follows) this.#attach(task, parent.tid);
  }

  readonly signalled: SignalObserver = (task, info) => {
    const { signo } = info;
    // Nobody but the end of the task tells a tracer of SIGKILL, ptrace(2).
    if (!this.#traces(task) || signo === Signo.SIGKILL) return;
    this.#onEvent({
      kind: 'signal',
      tid: task.tid,
      time: performance.now(),
      signo,
      name: signalName(signo),
      info: formatSignalInfo(info),
    });
  };

  /**
   * A signal that the program ignores, which nobody delivers; Linux tells a tracer all the same, on the way back from
   * the call that the task is in.
   */
  discarded(task: Task, info: SignalInfo): void {
    if (!this.#traces(task)) return;
    const infos = this.#discarded.get(task) ?? new Map<number, SignalInfo>();
    this.#discarded.set(task, infos.set(info.signo, info));
  }

  #tellDiscarded(task: Task): void {
    const infos = this.#discarded.get(task);
    if (infos === undefined) return;
    this.#discarded.delete(task);
    for (const info of infos.values()) this.signalled(task, info);
  }

  stopped(task: Task): void {
    if (!this.#traces(task)) return;
    const name = signalName(task.process.stopSignal);
    this.#onEvent({ kind: 'stopped', tid: task.tid, time: performance.now(), name });
  }

  ended(task: Task): void {
    const status = task.process.exitStatus ?? task.ending;
    if (status === undefined || !this.#traces(task)) return;
    const how =
      'code' in status
        ? `exited with ${String(status.code)}`
        : `killed by ${signalName(status.signal)}${status.coreDumped ? ' (core dumped)' : ''}`;
    this.#onEvent({ kind: 'ended', tid: task.tid, time: performance.now(), how });
  }

  #traces(task: Task): boolean {
    return this.#follows || this.#first.has(task);
  }

  #tells(task: Task, number: number): boolean {
    return this.#calls.numbers.has(number) !== this.#calls.inverted && this.#traces(task);
  }

  #attach(task: Task, parent: number | undefined): void {
    const { tid, pid, comm } = task;
    const time = performance.now();
    this.#onEvent({ kind: 'attached', tid, time, pid, parent, program: comm });
  }

  /** What a call takes in is read before it runs: it may change it. */
  #enter(task: Task, number: number, row: SyscallRow | undefined, time: number): void {
    const formats = row?.args ?? UNKNOWN;
    const cut = firstOutput(formats);
    const args = this.#arguments(task, formats, { to: cut });
    const name = syscallName(number);
    const isCut = cut < formats.length;
    this.#onEvent({ kind: 'entered', tid: task.tid, time, number, name, args, isCut });
  }

  #answer(
    task: Task,
    number: number,
    row: SyscallRow | undefined,
    { value, busy, lengthBefore }: Answer,
  ): void {
    // Linux answers nothing to a task that is to end.
    if (EXIT_CALLS.has(number) || task.isDoomed) return;
    const formats = row?.args ?? UNKNOWN;
    // The registers are those of before the signal.
    const shown = number === RT_SIGRETURN ? task.registers.getNumber(Register.Rax) : value;
    const failed = isError(value);
    this.#onEvent({
      kind: 'answered',
      tid: task.tid,
      time: performance.now(),
      args: this.#arguments(task, formats, {
        from: firstOutput(formats),
        result: value,
        lengthBefore,
      }),
      result:
        interruption(task, number, value) ??
        formatResult(this.#decoding(task, 0, value), shown, row?.result),
      failed,
      busy,
      ...(EXEC_CALLS.has(number) && !failed ? { program: task.comm } : {}),
    });
    this.#tellDiscarded(task);
  }

  #arguments(
    task: Task,
    formats: readonly ArgumentFormat[],
    { from = 0, to = formats.length, result, lengthBefore }: Range,
  ): string[] {
    const texts: string[] = [];
    for (let index = from; index < to; index++) {
      const decoding = { ...this.#decoding(task, index as ArgumentIndex, result), lengthBefore };
      const text = formatArgument(decoding, formats[index] ?? 'hex');
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  #decoding(task: Task, index: ArgumentIndex, result: number | undefined): Decoding {
    return { mm: task.mm, args: task.registers, index, result, stringLimit: this.#stringLimit };
  }
}

/** Arguments to decode, and what is known besides. */
interface Range {
  readonly from?: number;
  readonly to?: number;
  readonly result?: number;
  readonly lengthBefore?: number | undefined;
}

interface Answer {
  readonly value: number;
  readonly busy: number;
  readonly lengthBefore: number | undefined;
}

/** The length that a call reads and then writes, before it does. */
function readLength(task: Task, row: SyscallRow | undefined): number | undefined {
  const index = row?.args.indexOf('length-out') ?? -1;
  if (index < 0) return undefined;
  const bytes = Buffer.alloc(4);
  const address = task.registers.argument(index as ArgumentIndex);
  return address !== 0 && task.mm.read(address, bytes) ? bytes.readInt32LE(0) : undefined;
}

/** Index of the first argument that the call fills in. */
function firstOutput(formats: readonly ArgumentFormat[]): number {
  const index = formats.findIndex(isOutput);
  return index < 0 ? formats.length : index;
}

/** Where the variables lie on the new stack: behind argc and argv (System V ABI for x86-64, section 3.4.1). */
function formatEnvironment(
  stackPointer: number,
  argv: readonly string[],
  env: readonly string[],
): string {
  const address = stackPointer + 8 * (argv.length + 2);
  return `${formatPointer(BigInt(address))} /* ${String(env.length)} vars */`;
}

/** What Linux answers inside where a signal cuts a call short, and the program never sees. */
function interruption(task: Task, number: number, value: number): string | undefined {
  if (value !== -Errno.EINTR || task.restarts === 'never') return undefined;
  if (task.restarts === 'always') return '? ERESTARTNOINTR (To be restarted)';
  if (task.resume !== undefined) return '? ERESTART_RESTARTBLOCK (Interrupted by signal)';
  return isRestartable(number)
    ? '? ERESTARTSYS (To be restarted if SA_RESTART is set)'
    : '? ERESTARTNOHAND (To be restarted if no handler)';
}

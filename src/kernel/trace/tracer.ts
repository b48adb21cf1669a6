/** Prints system calls, signals and exits in the manner of strace(1). A wrapper around the dispatcher. */
import { errnoName } from '../abi/errno.js';
import { errorText } from '../abi/error-text.js';
import { signalName } from '../abi/signal.js';
import { CLD } from '../abi/wait.js';
import { syscallName } from '../abi/syscall-names.js';
import type { SignalObserver } from '../signal/delivery.js';
import type { SignalInfo } from '../signal/signal-info.js';
import type { ArgumentFormat, SyscallRow } from '../syscalls/row.js';
import type { Dispatcher, SyscallTable } from '../syscalls/dispatcher.js';
import type { Task } from '../task/task.js';
import { signalCodeName } from './flag-names.js';
import { formatHex, formatPointer, type ArgumentIndex } from './decoding.js';
import { formatArgument, isOutput } from './format-argument.js';
import { formatList } from './structure-formats.js';

/** Column of the equals sign. */
const RESULT_COLUMN = 40;
const EXIT_CALLS: ReadonlySet<number> = new Set([60, 231]);
const NO_RETURN: ReadonlySet<number> = new Set([15]);
const MAX_ERRNO = 4095;

export class Tracer {
  readonly #table: SyscallTable;
  readonly #sink: (line: string) => void;
  #isAlone = true;

  constructor(table: SyscallTable, sink: (line: string) => void) {
    this.#table = table;
    this.#sink = sink;
  }

  /** The dispatcher that also prints. */
  wrap(dispatch: Dispatcher): Dispatcher {
    return (task, number) => {
      const row = this.#table[number];
      // What a call takes in is read before it runs: it may change it.
      const before = this.#arguments(task, row);
      if (EXIT_CALLS.has(number)) this.#call(task, number, before, '?');
      const result = dispatch(task, number);
      if (typeof result === 'number') {
        this.#finish(task, number, row, before, result);
        return result;
      }
      return result.then((value) => {
        this.#finish(task, number, row, before, value);
        return value;
      });
    };
  }

  /** A program begins: as if it had been called by execve(2). */
  started(task: Task, path: string, argv: readonly string[], env: readonly string[]): void {
    const parts = [JSON.stringify(path), formatList(argv), `/* ${String(env.length)} vars */`];
    this.#call(task, 59, parts, '0');
  }

  /** A task begins. From the second on each line says whose it is. */
  cloned(task: Task): void {
    this.#isAlone = false;
    this.#sink(`Process ${String(task.tid)} attached`);
  }

  readonly signalled: SignalObserver = (task, info) => {
    const name = signalName(info.signo);
    const fields = [`si_signo=${name}`, `si_code=${signalCodeName(info.signo, info.code)}`];
    if (info.address !== undefined) {
      fields.push(`si_addr=${formatPointer(info.address)}`);
    } else if (info.pid !== undefined) {
      fields.push(`si_pid=${String(info.pid)}`, `si_uid=${String(info.uid ?? 0)}`);
      if (info.status !== undefined) fields.push(...childFields(info));
    }
    this.#line(task, `--- ${name} {${fields.join(', ')}} ---`);
  };

  exited(task: Task): void {
    const status = task.process.exitStatus ?? task.ending;
    if (status === undefined) return;
    this.#line(
      task,
      'code' in status
        ? `+++ exited with ${String(status.code)} +++`
        : `+++ killed by ${signalName(status.signal)}${status.coreDumped ? ' (core dumped)' : ''} +++`,
    );
  }

  #line(task: Task, text: string): void {
    this.#sink(this.#isAlone ? text : `[pid ${String(task.tid).padStart(5)}] ${text}`);
  }

  #finish(
    task: Task,
    number: number,
    row: SyscallRow | undefined,
    before: readonly (string | undefined)[],
    result: number,
  ): void {
    if (EXIT_CALLS.has(number)) return;
    const shown = NO_RETURN.has(number) ? '?' : formatResult(result, row?.hexResult === true);
    this.#call(task, number, this.#after(task, row, before, result), shown);
  }

  /** The arguments again, with what the call wrote. */
  #after(
    task: Task,
    row: SyscallRow | undefined,
    before: readonly (string | undefined)[],
    result: number,
  ): readonly (string | undefined)[] {
    if (row === undefined) return before;
    return row.args.map((format, index) =>
      isOutput(format) ? this.#argument(task, format, index, result) : before[index],
    );
  }

  #arguments(task: Task, row: SyscallRow | undefined): (string | undefined)[] {
    if (row !== undefined) {
      return row.args.map((format, index) =>
        isOutput(format) ? undefined : this.#argument(task, format, index, undefined),
      );
    }
    return [0, 1, 2, 3, 4, 5].map((index) =>
      formatHex(task.registers.argumentBig(index as ArgumentIndex)),
    );
  }

  #argument(
    task: Task,
    format: ArgumentFormat,
    index: number,
    result: number | undefined,
  ): string | undefined {
    const decoding = {
      mm: task.mm,
      args: task.registers,
      index: index as ArgumentIndex,
      result,
    };
    return formatArgument(decoding, format);
  }

  #call(task: Task, number: number, parts: readonly (string | undefined)[], result: string): void {
    const call = `${syscallName(number)}(${parts.filter((part) => part !== undefined).join(', ')}) `;
    this.#line(task, `${call.padEnd(RESULT_COLUMN)}= ${result}`);
  }
}

/** What a SIGCHLD says besides: an exit code, or the signal that did it. */
function childFields({ code, status = 0, userTime = 0 }: SignalInfo): string[] {
  const shown = code === CLD.Exited ? String(status) : signalName(status);
  return [`si_status=${shown}`, `si_utime=${String(userTime)}`, 'si_stime=0'];
}

function formatResult(result: number, hex: boolean): string {
  if (result < 0 && result >= -MAX_ERRNO) {
    const name = errnoName.get(-result) ?? `ERRNO_${String(-result)}`;
    const text = errorText.get(-result);
    return text === undefined ? `-1 ${name}` : `-1 ${name} (${text})`;
  }
  return hex ? `0x${result.toString(16)}` : String(result);
}

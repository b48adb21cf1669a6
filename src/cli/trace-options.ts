/** The options of `ringfence trace` that are strace(1)'s, and their values. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseExpression, SelectionError, type Selection } from '../trace/selection.js';
import { SORT_KEYS, type SortKey } from '../trace/summary.js';
import type { RunningOptions } from './run.js';

export interface TraceCommandOptions extends RunningOptions {
  readonly followForks?: true;
  readonly expression?: Selection;
  readonly summaryOnly?: true;
  readonly summary?: true;
  readonly summarySortBy?: SortKey;
  readonly summaryWallClock?: true;
  readonly output?: string;
  readonly html?: string;
  readonly syscallTimes?: true;
  /** How many -t there were. */
  readonly absoluteTimestamps?: number;
  readonly relativeTimestamps?: true;
  readonly stringLimit?: number;
  /** How many -q there were. */
  readonly quiet?: number;
  readonly successfulOnly?: true;
  readonly failedOnly?: true;
}

/** A string is read whole from the guest: this bounds what one line takes. */
const MAX_STRING_LIMIT = 65536;

/** `trace=%file`, over what was said before. */
export function collectExpression(text: string, previous: Selection = {}): Selection {
  try {
    return { ...previous, ...parseExpression(text) };
  } catch (error) {
    if (error instanceof SelectionError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}

export function parseStringLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : Infinity;
  if (limit <= MAX_STRING_LIMIT) return limit;
  throw new InvalidArgumentError(
    `A limit is a whole number from 0 to ${String(MAX_STRING_LIMIT)}.`,
  );
}

export function addTraceOptions(command: Command): Command {
  command
    .option('-f, --follow-forks', 'also trace what the program starts: threads and processes')
    .option(
      '-e, --expression <expr>',
      'what to show: trace=SET of names, %classes and /expressions, signal=SET, status=SET; ! in front of a set negates it',
      collectExpression,
    )
    .option('-z, --successful-only', 'only calls that succeed')
    .option('-Z, --failed-only', 'only calls that fail')
    .option('-c, --summary-only', 'count calls, errors and time, and print a table instead')
    .option('-C, --summary', 'print the table as well')
    .addOption(
      new Option('-S, --summary-sort-by <key>', 'order of the table (default: time)').choices(
        SORT_KEYS,
      ),
    )
    .option('-w, --summary-wall-clock', 'the table has the time from a call to its answer')
    .option('-o, --output <file>', 'print to a file')
    .option('--html <file>', 'write a page with the timeline of all calls by task, to zoom into')
    .option('-T, --syscall-times', 'say how long each call took')
    .option('-r, --relative-timestamps', 'say how long after the line before a line is')
    .option(
      '-s, --string-limit <n>',
      'most bytes of a string that are shown',
      parseStringLimit,
      32,
    );
  counted(
    command,
    '-t, --absolute-timestamps',
    'say the time; -tt with microseconds, -ttt as UNIX time',
  );
  counted(command, '-q, --quiet', 'do not say that tasks begin; -qq nor that they end');
  return command;
}

/** An option whose value is how often it was given. */
function counted(command: Command, flags: string, description: string): void {
  const option = new Option(flags, description);
  command.addOption(option);
  let count = 0;
  command.on(`option:${option.name()}`, () => {
    command.setOptionValueWithSource(option.attributeName(), ++count, 'cli');
  });
}

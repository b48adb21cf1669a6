/** `ringfence trace`: a program run as by `ringfence run`, and what it asks of the kernel. */
import { readFileSync } from 'node:fs';
import type { TraceEvent, TraceOptions } from '../options.js';
import { TraceLines } from '../trace/lines.js';
import type { Status } from '../trace/selection.js';
import { TraceSummary } from '../trace/summary.js';
import { TraceTimeline } from '../trace/timeline.js';
import type { Timestamps } from '../trace/timestamp.js';
import { runProgram } from './run.js';
import { openTraceOutput, type TraceOutput } from './trace-output.js';
import type { TraceCommandOptions } from './trace-options.js';

type Listener = TraceOptions['onEvent'];

/** Something that is made of a trace. */
interface Product {
  readonly onEvent: Listener;
  /** The program has ended. */
  readonly close: () => void;
}

/** Runs a program to its end and gives the status to exit with. */
export async function trace(
  name: string,
  args: readonly string[],
  options: TraceCommandOptions,
): Promise<number> {
  const products = openProducts(options);
  const { calls } = options.expression ?? {};
  try {
    return await runProgram(name, args, options, {
      onEvent: toAll(products),
      follow: options.followForks === true,
      ...(calls === undefined ? {} : { calls }),
      ...(options.stringLimit === undefined ? {} : { stringLimit: options.stringLimit }),
    });
  } finally {
    for (const product of products) product.close();
  }
}

function toAll(products: readonly Product[]): Listener {
  const [first, ...others] = products;
  if (first !== undefined && others.length === 0) return first.onEvent;
  return (event: TraceEvent) => {
    for (const product of products) product.onEvent(event);
  };
}

/** The lines, unless a table or a page is asked for in their place. */
function openProducts(options: TraceCommandOptions): readonly Product[] {
  const products: Product[] = [];
  const instead =
    options.summaryOnly === true || (options.html !== undefined && options.output === undefined);
  const output = openTraceOutput('--output', options.output);
  if (!instead || options.summary === true) products.push(createLines(options, output));
  if (options.summaryOnly === true || options.summary === true) {
    products.push(createSummary(options, output));
  }
  if (options.html !== undefined) products.push(createTimeline(options.html));
  products.push({ onEvent: () => undefined, close: output.close });
  return products;
}

function createLines(options: TraceCommandOptions, output: TraceOutput): Product {
  const toFile = options.output !== undefined;
  const timestamps = timestampsOf(options);
  const lines = new TraceLines(output.write, {
    // As strace has it: a file names the task in each line, and has no remarks of our own.
    pids: toFile ? (options.followForks === true ? 'always' : 'never') : 'of-several',
    quiet: Math.max(options.quiet ?? 0, toFile ? 1 : 0),
    durations: options.syscallTimes === true,
    signals: options.expression?.signals,
    statuses: statusesOf(options),
    ...(timestamps === undefined ? {} : { timestamps }),
  });
  return { onEvent: lines.onEvent, close: () => undefined };
}

function createSummary(options: TraceCommandOptions, output: TraceOutput): Product {
  const summary = new TraceSummary({
    wallClock: options.summaryWallClock === true,
    ...(options.summarySortBy === undefined ? {} : { sort: options.summarySortBy }),
  });
  return {
    onEvent: summary.onEvent,
    close: () => {
      output.write(summary.toString());
    },
  };
}

/** The page that `npm run build` leaves. */
const TEMPLATE = new URL('../../dist/timeline.html', import.meta.url);

function createTimeline(path: string): Product {
  const template = readFileSync(TEMPLATE, 'utf8');
  const output = openTraceOutput('--html', path, 'utf8');
  const timeline = new TraceTimeline(template, output.write);
  return {
    onEvent: timeline.onEvent,
    close: () => {
      timeline.close();
      output.close();
    },
  };
}

const ABSOLUTE = [undefined, 'time', 'time-us', 'unix-us'] as const;

function timestampsOf(options: TraceCommandOptions): Timestamps | undefined {
  const absolute = ABSOLUTE[Math.min(options.absoluteTimestamps ?? 0, ABSOLUTE.length - 1)];
  const relative = options.relativeTimestamps === true;
  if (absolute === undefined) return relative ? { relative } : undefined;
  return { absolute, relative };
}

function statusesOf(options: TraceCommandOptions): ReadonlySet<Status> | undefined {
  if (options.successfulOnly === true) return new Set(['successful']);
  if (options.failedOnly === true) return new Set(['failed']);
  return options.expression?.statuses;
}

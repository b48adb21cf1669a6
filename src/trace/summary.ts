/** Counts calls, their errors and their time, and prints the table of `strace -c`. */
import type { CallEntered, TraceEvent } from '../kernel/trace/trace-event.js';

export const SORT_KEYS = [
  'time',
  'min-time',
  'max-time',
  'avg-time',
  'calls',
  'errors',
  'name',
  'nothing',
] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface SummaryOptions {
  readonly sort?: SortKey;
  /** The time from a call to its answer; else only that in which its handler worked. */
  readonly wallClock?: boolean;
}

interface Count {
  readonly name: string;
  calls: number;
  errors: number;
  /** Milliseconds, as the others. */
  time: number;
  min: number;
  max: number;
}

export class TraceSummary {
  readonly #options: SummaryOptions;
  readonly #entered = new Map<number, CallEntered>();
  readonly #counts = new Map<string, Count>();

  constructor(options: SummaryOptions = {}) {
    this.#options = options;
  }

  readonly onEvent = (event: TraceEvent): void => {
    if (event.kind === 'entered') this.#entered.set(event.tid, event);
    if (event.kind === 'ended') this.#entered.delete(event.tid);
    if (event.kind !== 'answered') return;
    const call = this.#entered.get(event.tid);
    if (call === undefined) return;
    this.#entered.delete(event.tid);
    const time = this.#options.wallClock === true ? event.time - call.time : event.busy;
    this.#add(call.name, time, event.failed);
  };

  #add(name: string, time: number, failed: boolean): void {
    const count = this.#counts.get(name) ?? {
      name,
      calls: 0,
      errors: 0,
      time: 0,
      min: Infinity,
      max: 0,
    };
    this.#counts.set(name, count);
    count.calls++;
    if (failed) count.errors++;
    count.time += time;
    count.min = Math.min(count.min, time);
    count.max = Math.max(count.max, time);
  }

  /** The table; empty where no call was made. */
  toString(): string {
    const counts = [...this.#counts.values()];
    if (counts.length === 0) return '';
    if (this.#options.sort !== 'nothing') counts.sort(ORDERS[this.#options.sort ?? 'time']);
    const sum = (key: 'calls' | 'errors' | 'time'): number =>
      counts.reduce((total, count) => total + count[key], 0);
    const total = { name: 'total', calls: sum('calls'), errors: sum('errors'), time: sum('time') };
    const share = (count: Count): number =>
      total.time === 0 ? 0 : (100 * count.time) / total.time;
    return [
      '% time     seconds  usecs/call     calls    errors syscall',
      RULE,
      ...counts.map((count) => formatRow(share(count), count)),
      RULE,
      formatRow(100, total),
      '',
    ].join('\n');
  }
}

const RULE = '------ ----------- ----------- --------- --------- ----------------';

type Order = (one: Count, other: Count) => number;

const average = (count: Count): number => count.time / count.calls;

const ORDERS: Readonly<Record<Exclude<SortKey, 'nothing'>, Order>> = {
  time: (one, other) => other.time - one.time,
  'min-time': (one, other) => other.min - one.min,
  'max-time': (one, other) => other.max - one.max,
  'avg-time': (one, other) => average(other) - average(one),
  calls: (one, other) => other.calls - one.calls,
  errors: (one, other) => other.errors - one.errors,
  name: (one, other) => (one.name < other.name ? -1 : 1),
};

type Row = Pick<Count, 'name' | 'calls' | 'errors' | 'time'>;

function formatRow(share: number, { name, calls, errors, time }: Row): string {
  const each = Math.floor((time * 1000) / calls);
  return [
    share.toFixed(2).padStart(6),
    (time / 1000).toFixed(6).padStart(11),
    String(each).padStart(11),
    String(calls).padStart(9),
    (errors === 0 ? '' : String(errors)).padStart(9),
    name,
  ].join(' ');
}

/** A trace as strace(1) prints it: a line for each call, in two halves where something else comes between. */
import type {
  CallAnswered,
  CallEntered,
  SignalTaken,
  TaskEnded,
  TraceEvent,
} from '../kernel/trace/trace-event.js';
import type { Status } from './selection.js';
import { timestamp, type Timestamps } from './timestamp.js';

/** Column of the equals sign. */
const RESULT_COLUMN = 40;
const PID_WIDTH = 5;

export interface LineOptions {
  /** Which task a line is of: said where there are several, in front of every line, or never. */
  readonly pids?: 'of-several' | 'always' | 'never';
  readonly timestamps?: Timestamps;
  /** Say at each call how long it took. */
  readonly durations?: boolean;
  readonly signals?: ReadonlySet<number> | undefined;
  readonly statuses?: ReadonlySet<Status> | undefined;
  /** Leave out that tasks begin, and with 2 also that they end. */
  readonly quiet?: number;
}

interface OpenCall {
  readonly event: CallEntered;
  /** Its line up to where the answer goes on. */
  readonly head: string;
  state: 'held' | 'begun' | 'cut';
}

/** Writes whole lines, but for a call that waits: what is known of it is written at once. */
export class TraceLines {
  readonly #write: (text: string) => void;
  readonly #options: LineOptions;
  readonly #open = new Map<number, OpenCall>();
  /** The call whose line is not at its end. */
  #current: OpenCall | undefined;
  #tasks = 0;
  #lastTime: number | undefined;

  constructor(write: (text: string) => void, options: LineOptions = {}) {
    this.#write = write;
    this.#options = options;
  }

  readonly onEvent = (event: TraceEvent): void => {
    switch (event.kind) {
      case 'attached':
        this.#tasks++;
        if (event.parent !== undefined) this.#attached(event.tid);
        break;
      case 'entered':
        this.#entered(event);
        break;
      case 'waits':
        this.#waits(event.tid);
        break;
      case 'answered':
        this.#answered(event);
        break;
      case 'signal':
        this.#signal(event);
        break;
      case 'stopped':
        this.#line(event, `--- stopped by ${event.name} ---`);
        break;
      case 'ended':
        this.#ended(event);
        this.#tasks--;
    }
  };

  #attached(tid: number): void {
    if ((this.#options.quiet ?? 0) > 0) return;
    this.#breakLine();
    this.#write(`ringfence: Process ${String(tid)} attached\n`);
  }

  #entered(event: CallEntered): void {
    const stages = this.#options.statuses !== undefined;
    if (!stages) this.#breakLine();
    const head = `${this.#lead(event)}${event.name}(${event.args.join(', ')}`;
    const call: OpenCall = { event, head, state: 'held' };
    this.#open.set(event.tid, call);
    // What may not be shown at all is held until that is known.
    if (!stages) this.#current = call;
  }

  #waits(tid: number): void {
    const call = this.#current;
    if (call?.event.tid !== tid || call.state !== 'held') return;
    this.#write(call.head);
    call.state = 'begun';
  }

  #answered(event: CallAnswered): void {
    const call = this.#open.get(event.tid);
    if (call === undefined) return;
    this.#open.delete(event.tid);
    if (!this.#shows(event.failed ? 'failed' : 'successful')) return;
    const duration =
      this.#options.durations === true
        ? ` <${((event.time - call.event.time) / 1000).toFixed(6)}>`
        : '';
    this.#finish(call, event.time, event.args, event.result + duration);
  }

  #ended(event: TaskEnded): void {
    const call = this.#open.get(event.tid);
    this.#open.delete(event.tid);
    if (call !== undefined && this.#shows('unfinished')) {
      this.#finish(call, event.time, call.event.isCut ? [' <unfinished ...>'] : [], '?');
    }
    if ((this.#options.quiet ?? 0) < 2) this.#line(event, `+++ ${event.how} +++`);
  }

  #signal(event: SignalTaken): void {
    if (this.#options.signals?.has(event.signo) === false) return;
    this.#line(event, `--- ${event.name} ${event.info} ---`);
  }

  #shows(status: Status): boolean {
    return this.#options.statuses?.has(status) !== false;
  }

  #finish(call: OpenCall, time: number, args: readonly string[], result: string): void {
    if (call !== this.#current) this.#breakLine();
    this.#current = undefined;
    const { tid, name } = call.event;
    // The half before has its comma already.
    const comma = call.state === 'cut' || args.length === 0 ? '' : separator(call);
    const rest = `${comma}${args.join(', ')})`;
    const begin =
      call.state === 'cut' ? `${this.#lead({ tid, time })}<... ${name} resumed>` : call.head;
    const line = `${`${begin}${rest} `.padEnd(RESULT_COLUMN)}= ${result}\n`;
    this.#write(call.state === 'begun' ? line.slice(begin.length) : line);
  }

  #line(event: { readonly tid: number; readonly time: number }, text: string): void {
    this.#breakLine();
    this.#write(`${this.#lead(event)}${text}\n`);
  }

  /** Something else comes: the call whose line is not at its end goes on further down. */
  #breakLine(): void {
    const call = this.#current;
    if (call === undefined) return;
    this.#current = undefined;
    this.#write(`${call.state === 'held' ? call.head : ''}${separator(call)} <unfinished ...>\n`);
    call.state = 'cut';
  }

  /** What is in front of a line: the task, and the time. */
  #lead({ tid, time }: { readonly tid: number; readonly time: number }): string {
    const { timestamps } = this.#options;
    const last = this.#lastTime ?? time;
    this.#lastTime = time;
    return this.#pid(tid) + (timestamps === undefined ? '' : timestamp(timestamps, time, last));
  }

  #pid(tid: number): string {
    const { pids = 'of-several' } = this.#options;
    if (pids === 'always') return `${String(tid).padEnd(PID_WIDTH)} `;
    if (pids === 'never' || this.#tasks < 2) return '';
    return `[pid ${String(tid).padStart(PID_WIDTH)}] `;
  }
}

/** Between the arguments that are known when a call is made and those that come with its answer. */
function separator({ event }: OpenCall): string {
  return event.isCut && event.args.length > 0 ? ', ' : '';
}

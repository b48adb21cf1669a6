/** Writes a trace as a page: a timeline that a person can zoom. What the page does with it is in timeline/. */
import type { CallAnswered, CallEntered, TraceEvent } from '../kernel/trace/trace-event.js';

/** Behind it the lines go into the page. */
const PLACE = '<script type="text/plain" id="trace">';

export class TraceTimeline {
  readonly #write: (text: string) => void;
  readonly #end: string;
  readonly #entered = new Map<number, CallEntered>();
  #origin: number | undefined;

  /** `template` is the page without a trace. */
  constructor(template: string, write: (text: string) => void) {
    const place = template.indexOf(PLACE);
    if (place < 0) throw new Error('the page has no place for the trace');
    this.#write = write;
    this.#end = template.slice(place + PLACE.length);
    write(`${template.slice(0, place)}${PLACE}\n`);
  }

  readonly onEvent = (event: TraceEvent): void => {
    this.#origin ??= event.time;
    const { tid } = event;
    const time = this.#microseconds(event.time);
    switch (event.kind) {
      case 'attached':
        this.#line('task', tid, time, event.pid, event.parent ?? null, fromBytes(event.program));
        break;
      case 'entered':
        this.#entered.set(tid, event);
        break;
      case 'waits':
        break;
      case 'answered':
        this.#answered(event);
        break;
      case 'signal':
        this.#line('mark', tid, time, `${event.name} ${event.info}`);
        break;
      case 'stopped':
        this.#line('mark', tid, time, `stopped by ${event.name}`);
        break;
      case 'ended':
        this.#unanswered(tid, event.time);
        this.#line('end', tid, time, event.how);
    }
  };

  /** The rest of the page. */
  close(): void {
    this.#write(this.#end);
  }

  #answered(event: CallAnswered): void {
    const call = this.#entered.get(event.tid);
    if (call === undefined) return;
    this.#entered.delete(event.tid);
    const { args, time, busy, result, failed } = event;
    this.#call(call, args, time, Math.min(time, call.time + busy), result, failed);
    if (event.program !== undefined) {
      this.#line('program', event.tid, fromBytes(event.program));
    }
  }

  /** A call that the end of its task cut short took until then. */
  #unanswered(tid: number, time: number): void {
    const call = this.#entered.get(tid);
    if (call === undefined) return;
    this.#entered.delete(tid);
    this.#call(call, [], time, call.time, '?', false);
  }

  #call(
    { tid, time, name, args }: CallEntered,
    more: readonly string[],
    end: number,
    busyEnd: number,
    result: string,
    failed: boolean,
  ): void {
    const times = [time, end, busyEnd].map((each) => this.#microseconds(each));
    this.#line('call', tid, ...times, name, [...args, ...more].join(', '), result, failed);
  }

  #microseconds(time: number): number {
    return Math.round((time - (this.#origin ?? time)) * 10_000) / 10;
  }

  /** No character that a page could take for the end of the script that the lines are in. */
  #line(...values: readonly unknown[]): void {
    this.#write(`${JSON.stringify(values).replaceAll('<', '\\u003c')}\n`);
  }
}

/** Names of programs hold a byte in each character. */
function fromBytes(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

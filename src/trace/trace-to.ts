import type { TraceOptions } from '../kernel/trace/trace-event.js';
import { TraceLines } from './lines.js';

/** A trace whose whole lines go to `take`, one by one and without their newlines. */
export function traceTo(take: (line: string) => void): TraceOptions {
  let begun = '';
  const { onEvent } = new TraceLines((text) => {
    begun += text;
    if (!text.endsWith('\n')) return;
    take(begun.slice(0, -1));
    begun = '';
  });
  return { onEvent };
}

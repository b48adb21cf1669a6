/** Interrupting a context on another thread, which may be blocked in `switchSync`. */
import { native } from './native.js';

/**
 * `Context.interrupt` by the context's id, on any thread of the process: on a worker (worker_threads), say, while
 * the main thread waits in `switchSync`. False where the context has been disposed of, or never was.
 */
export function interruptContext(id: number): boolean {
  return Number.isSafeInteger(id) && native.interruptContext(id);
}

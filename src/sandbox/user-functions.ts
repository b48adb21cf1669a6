/** Functions of the user's that are told something, on whatever thread the sandbox lives. */
import type { SandboxOptions } from '../options.js';

/** What `tell` throws is an uncaught exception, as with a listener: nothing of the sandbox is the cause, or fails. */
export function asListener<Args extends readonly unknown[]>(
  tell: (...args: Args) => void,
): (...args: Args) => void {
  return (...args) => {
    try {
      tell(...args);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  };
}

/** @throws {TypeError} */
export function withListeners(options: SandboxOptions): SandboxOptions {
  const { trace, onDefect, onFallback } = options;
  return {
    ...options,
    ...(trace === undefined ? {} : { trace: traceListener(trace) }),
    ...(onDefect === undefined ? {} : { onDefect: asListener(onDefect) }),
    ...(onFallback === undefined ? {} : { onFallback: asListener(onFallback) }),
  };
}

function traceListener(
  trace: NonNullable<SandboxOptions['trace']>,
): NonNullable<SandboxOptions['trace']> {
  if (typeof trace === 'function') return asListener(trace);
  if (typeof trace !== 'object' || typeof trace.onEvent !== 'function') {
    throw new TypeError('trace is a function, or an object with a function onEvent');
  }
  return { ...trace, onEvent: asListener((event) => trace.onEvent(event)) };
}

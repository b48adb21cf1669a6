/** Errors on their way from one thread to another: structured clones know neither their classes nor their codes. */
import { PlatformError, StartError, SyscallHookError } from '../errors.js';

export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  /** Of a SyscallHookError. */
  readonly syscall?: string;
  readonly cause?: ErrorRecord;
  /** What was thrown was no error. */
  readonly isPlain?: true;
}

export function recordOf(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), isPlain: true };
  const { name, message, stack, cause } = error;
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  return {
    name,
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof syscall === 'string' ? { syscall } : {}),
    ...(cause === undefined ? {} : { cause: recordOf(cause) }),
  };
}

export function errorOf(record: ErrorRecord): unknown {
  if (record.isPlain) return record.message;
  const error = createError(record);
  const { stack, cause } = record;
  if (stack !== undefined) error.stack = stack;
  if (cause !== undefined) {
    Object.defineProperty(error, 'cause', {
      value: errorOf(cause),
      configurable: true,
      writable: true,
    });
  }
  return error;
}

const PLAIN = { TypeError, RangeError, SyntaxError } as const;

function createError({ name, message, code, syscall = '' }: ErrorRecord): Error {
  if (name === 'StartError') return new StartError(message, code ?? 'EIO');
  if (name === 'PlatformError') return new PlatformError(message);
  if (name === 'SyscallHookError') {
    // Its own constructor makes the message of what it was made of.
    return Object.assign(new SyscallHookError(syscall, undefined), { message });
  }
  const error = name in PLAIN ? new PLAIN[name as keyof typeof PLAIN](message) : new Error(message);
  if (error.name !== name) error.name = name;
  return code === undefined ? error : Object.assign(error, { code });
}

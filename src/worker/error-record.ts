/** Errors on their way from one thread to another: structured clones know neither their classes nor their codes. */
import { OutOfMemoryError, PlatformError, StartError, SyscallHookError } from '../errors.js';

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

/** Most errors that go with one: an error may be a cause of itself. */
const MOST_CAUSES = 8;

/** Never throws: errors come from users, who may throw anything. */
export function recordOf(error: unknown): ErrorRecord {
  return recordWithin(error, MOST_CAUSES);
}

function recordWithin(error: unknown, causes: number): ErrorRecord {
  try {
    return error instanceof Error ? recordOfError(error, causes) : plainRecord(String(error));
  } catch {
    return plainRecord('what was thrown cannot be read');
  }
}

function recordOfError(error: Error, causes: number): ErrorRecord {
  const { name, message, stack, cause, code, syscall } = error as Partial<
    Record<keyof ErrorRecord, unknown>
  >;
  return {
    name: String(name),
    message: String(message),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof syscall === 'string' ? { syscall } : {}),
    ...(cause === undefined || causes === 0 ? {} : { cause: recordWithin(cause, causes - 1) }),
  };
}

function plainRecord(message: string): ErrorRecord {
  return { name: 'Error', message, isPlain: true };
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

const PLAIN = { TypeError, RangeError, SyntaxError, PlatformError, OutOfMemoryError } as const;

function createError({ name, message, code, syscall = '' }: ErrorRecord): Error {
  if (name === 'StartError') return new StartError(message, code ?? 'EIO');
  if (name === 'SyscallHookError') {
    // Its own constructor makes the message of what it was made of.
    return Object.assign(new SyscallHookError(syscall, undefined), { message });
  }
  if (Object.hasOwn(PLAIN, name)) {
    return withCode(new PLAIN[name as keyof typeof PLAIN](message), code);
  }
  const error = new Error(message);
  if (error.name !== name) error.name = name;
  return withCode(error, code);
}

function withCode(error: Error, code: string | undefined): Error {
  return code === undefined ? error : Object.assign(error, { code });
}

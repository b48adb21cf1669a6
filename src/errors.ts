/** Errors that users of the library meet. */
export { OutOfMemoryError, PlatformError, SavedMemoryError } from './platform/errors.js';

export { GuestMemoryError } from './kernel/hooks/syscall.js';
export { SyscallHookError } from './kernel/hooks/syscall-hooks.js';

/** A program could not be started. */
export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    message: string,
    /** errno name of the failed execve(2): ENOENT where there is no such program, EACCES, ENOEXEC, … */
    readonly code: string,
  ) {
    super(message);
  }
}

/** A program printed more than `maxBuffer` allows, and was ended for it. */
export class OutputLimitError extends Error {
  override readonly name = 'OutputLimitError';

  constructor(
    readonly stream: 'stdout' | 'stderr',
    readonly limit: number,
  ) {
    super(`the program wrote more than ${limit} bytes to ${stream}`);
  }
}

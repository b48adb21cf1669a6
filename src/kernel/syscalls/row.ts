import type { Registers } from '../../platform/registers.js';
import type { Task } from '../task/task.js';

/** The value for rax: a result, or a negative errno. A call that can be answered at once gives a number, no promise. */
export type SyscallResult = number | Promise<number>;

/** Decodes its arguments from the registers, validates, calls one object, returns. */
export type SyscallHandler = (task: Task, args: Registers) => SyscallResult;

/** How a trace prints an argument. Decoders live in the trace; a row only names them. */
export type ArgumentFormat =
  | 'int'
  | 'uint'
  | 'long'
  | 'size'
  | 'hex'
  | 'pointer'
  | 'fd'
  | 'dirfd'
  /** A NUL-terminated path. */
  | 'path'
  /** A buffer whose contents are the input of the call; its length is the next argument. */
  | 'buffer-in'
  /** A buffer that the call fills; the result is its length. */
  | 'buffer-out'
  | 'string-array'
  | 'open-flags'
  | 'mode'
  | 'prot'
  | 'map-flags'
  | 'signal'
  | 'whence'
  | 'at-flags'
  | 'ioctl'
  | 'clock'
  | 'timespec';

/** One row of the system call table. Numbers: arch/x86/entry/syscalls/syscall_64.tbl of Linux. */
export interface SyscallRow {
  readonly number: number;
  readonly name: string;
  readonly handler: SyscallHandler;
  readonly args: readonly ArgumentFormat[];
  /** The result is an address, printed in hexadecimal. */
  readonly hexResult?: true;
  readonly support: 'full' | 'partial';
  /** What is missing, where support is partial. */
  readonly missing?: string;
}

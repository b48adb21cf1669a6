import type { Registers } from '../../platform/registers.js';
import type { Task } from '../task/task.js';

/** The value for rax: a result, or a negative errno. A call that can be answered at once gives a number, no promise. */
export type SyscallResult = number | Promise<number>;

/** Decodes its arguments from the registers, validates, calls one object, returns. */
export type SyscallHandler = (task: Task, args: Registers) => SyscallResult;

/** How a trace prints an argument. Decoders live in the trace; a row only names them. */
export type ArgumentFormat =
  | NumberFormat
  | NamedFormat
  | StructureFormat
  | OutputFormat
  | EventFormat
  | SocketFormat
  | SocketOutputFormat
  | TaskFormat
  | FutexFormat
  | TimeFormat
  | WaitFormat
  | ControlFormat;

type NumberFormat = 'int' | 'uint' | 'long' | 'size' | 'hex' | 'pointer' | 'fd' | 'dirfd' | 'mode';

/** Numbers that names stand for. */
type NamedFormat =
  | 'open-flags'
  /** Shown only where the flags before it make a file. */
  | 'open-mode'
  | 'pipe-flags'
  | 'permissions'
  | 'prot'
  | 'map-flags'
  | 'remap-flags'
  | 'at-flags'
  | 'clone-flags'
  | 'random-flags'
  | 'memfd-flags'
  | 'statx-flags'
  | 'statx-mask'
  | 'signal'
  | 'sigmask-how'
  | 'whence'
  | 'clock'
  | 'resource'
  | 'advice'
  | 'file-advice'
  | 'ioctl'
  | 'arch-code'
  | 'prctl-option'
  | 'fcntl-command'
  | 'timer-flags'
  | 'itimer'
  | 'id-type'
  | 'usage-who'
  | 'lock-operation'
  | 'sync-flags'
  | 'rename-flags'
  | 'allocation-mode'
  | 'priority-which'
  | 'policy'
  | 'file-mode';

/** What a pointer leads to, read before the call. */
type StructureFormat =
  /** A NUL-terminated path. */
  | 'path'
  /** Its length is the next argument. */
  | 'buffer-in'
  | 'string-array'
  /** Strings too, but only counted. */
  | 'environment'
  /** Its count is the next argument. */
  | 'vector-in'
  | 'rlimit'
  | 'signal-set'
  | 'sigaction';

/** What the call fills in, read after it has succeeded. */
type OutputFormat =
  /** The result is its length. */
  | 'buffer-out'
  | 'vector-out'
  | 'stat-out'
  | 'statx-out'
  | 'rlimit-out'
  | 'signal-set-out'
  | 'sigaction-out'
  | 'entries-out'
  /** The result is its length with the NUL. */
  | 'path-out'
  | 'utsname-out'
  | 'random-out'
  | 'descriptors-out';

/** Of epoll(7), eventfd(2) and their kin. */
type EventFormat =
  | 'epoll-create-flags'
  | 'epoll-operation'
  | 'epoll-event'
  | 'epoll-events-out'
  | 'eventfd-flags'
  | 'timerfd-flags'
  | 'timerfd-set-flags'
  | 'signalfd-flags'
  | 'splice-flags'
  | 'inotify-flags'
  | 'inotify-mask';

/** What only socket calls have. */
type SocketFormat =
  | 'socket-domain'
  | 'socket-type'
  | 'socket-protocol'
  | 'socket-flags'
  /** Its length is the next argument. */
  | 'socket-address'
  | 'socket-level'
  | 'socket-option'
  /** Its length is the next argument. */
  | 'option-value'
  | 'shut-how'
  | 'message-flags'
  | 'message-in'
  | 'messages-in';

/** The argument behind an address or a value points to its length. */
type SocketOutputFormat =
  'socket-address-out' | 'length-out' | 'option-value-out' | 'message-out' | 'messages-out';

/** Of what tasks are, how they are made and awaited. */
type TaskFormat =
  /** The first two arguments of clone(2), and the others as far as the flags make use of them. */
  | 'clone-begin'
  | 'clone-rest'
  | 'clone3-out'
  | 'wait-options'
  | 'wait-status-out'
  | 'siginfo-out'
  | 'usage-out'
  /** Not an argument: what the stack pointer leads to. */
  | 'signal-frame'
  /** The argument before is its length, or the result. */
  | 'processors'
  | 'processors-out'
  | 'int-in'
  | 'int-out'
  | 'alternate-stack'
  | 'alternate-stack-out';

type FutexFormat =
  'futex-operation' | 'futex-value' | 'futex-timeout' | 'futex-address' | 'futex-last';

type TimeFormat =
  | 'timespec'
  | 'timespec-out'
  | 'timeval'
  | 'itimerspec'
  | 'itimerspec-out'
  | 'itimerval'
  | 'itimerval-out'
  /** Filled in where a signal cuts the call short. */
  | 'remaining-out'
  | 'file-times';

type WaitFormat = 'poll-list' | 'descriptor-set' | 'mask-pair';

/** What a command or request before it gives a meaning. */
type ControlFormat = 'fcntl-argument' | 'ioctl-argument' | 'prctl-arguments';

/** How a trace prints a result that is not just a number. */
export type ResultFormat =
  | 'hex'
  | 'mode'
  | 'fcntl'
  | 'prctl'
  | 'poll'
  | 'ppoll'
  | 'select'
  | 'pselect'
  | 'signal'
  | 'policy';

/** One row of the system call table. Numbers: arch/x86/entry/syscalls/syscall_64.tbl of Linux. */
export interface SyscallRow {
  readonly number: number;
  readonly name: string;
  readonly handler: SyscallHandler;
  readonly args: readonly ArgumentFormat[];
  /**
   * The handler answers at once, by what its task is and no argument: so the answer is that of the task's next calls, until
   * `task.answers.withdraw()`.
   */
  readonly lasting?: true;
  /** A plain number by default. */
  readonly result?: ResultFormat;
  readonly support: 'full' | 'partial';
  /** What is missing, where support is partial. */
  readonly missing?: string;
}

/** What users of the library say and get. */
import type { UserFileSystem } from './kernel/fs/user/user-file-system.js';
import type { SyscallHooks } from './kernel/hooks/syscall-hooks.js';
import type { Exitless } from './kvm/platform.js';
import type { TraceOptions } from './kernel/trace/trace-event.js';
import type { Platform } from './platform/contract.js';
import type { StdioOption } from './sandbox/stdio.js';
import type { Output, StreamOptions } from './sandbox/standard-streams.js';

export type { TraceEvent, TraceOptions } from './kernel/trace/trace-event.js';

/** `kvm`: a virtual machine without a kernel. `ptrace`: traced processes, for machines without KVM. */
export type PlatformName = 'kvm' | 'ptrace';

export interface PlatformOptions {
  /** How guest code runs. `auto`, the default, takes KVM where it works and ptrace elsewhere. */
  readonly platform?: 'auto' | PlatformName;
  /** Is told why `auto` has taken another platform than the best. */
  readonly onFallback?: (message: string) => void;
  /** Most bytes of memory the guest may use; 2 GiB by default. The host's are taken as they are used. */
  readonly memory?: number;
  /** Number of virtual CPUs; chosen by the platform by default. */
  readonly vcpus?: number;
  /**
   * Rewrites system calls that a program makes often into jumps, on KVM hosts where `syscall` costs much (docs/call-sites.md).
   * A program that reads its own code can see it. False by default.
   */
  readonly rewriteCalls?: boolean;
  /**
   * Answers system calls without leaving the guest, by a thread on another processor (docs/doorway.md), on KVM: `auto`
   * where it is found to pay, the default, `off`, or `on`, always.
   */
  readonly exitless?: Exitless;
}

/**
 * `none`: a loopback of the sandbox's own, and nothing else. `host`: also outgoing TCP connections and UDP, which the
 * host's sockets make; nothing listens on the host.
 */
export type NetworkMode = 'none' | 'host';

/** A host directory, or one file, that the guest sees at a path of its own. */
export interface Bind {
  readonly host: string;
  /** Absolute. */
  readonly guest: string;
  /** By default what the guest writes there reaches the host. */
  readonly readOnly?: boolean;
}

/** Of a sandbox, whatever thread it lives on. */
export interface LocalSandboxOptions extends Omit<PlatformOptions, 'platform'> {
  /** `auto`, `kvm`, `ptrace`, or a platform made before, which stays the caller's to dispose of. */
  readonly platform?: PlatformOptions['platform'] | Platform;
  /** Host directory that is the guest's root, read-only with a layer in memory on top; `/` by default. */
  readonly rootfs?: string;
  readonly binds?: readonly Bind[];
  /** File systems of one's own, by absolute path in the guest; read-only. */
  readonly mounts?: Readonly<Record<string, UserFileSystem>>;
  /** What a program can reach over the network; `none` by default. */
  readonly net?: NetworkMode;
  /** What uname(2) says; the host's name by default. */
  readonly hostname?: string;
  /**
   * Is given a line for each system call, as strace prints them, without its newline; or what the lines are made of,
   * of the calls that are asked for.
   */
  readonly trace?: ((line: string) => void) | TraceOptions;
  /**
   * Functions that the programs' system calls go through, by name, or one for all; they may look, change, refuse and
   * answer, see `SyscallHook`. One that throws ends the sandbox.
   */
  readonly onSyscall?: SyscallHooks;
  /** Is told of what should not happen inside the sandbox; the guest only saw a failed call or a signal. */
  readonly onDefect?: (message: string, error?: unknown) => void;
}

export interface SandboxOptions extends Omit<LocalSandboxOptions, 'onSyscall'> {
  /**
   * Where the sandbox works (docs/library.md). `worker`, the default: on a worker thread, which the sandboxes of this
   * process share. `own`: on a worker thread of its own, which ends with it. `caller`: on this thread, also the default
   * where `platform` is one made before, or `onSyscall` has functions.
   */
  readonly thread?: 'worker' | 'own' | 'caller';
  /**
   * Functions that the programs' system calls go through, by name, or one for all; they may look, change, refuse and
   * answer, see `SyscallHook`. One that throws ends the sandbox. On a worker: the URL of the module that has them as its
   * default export.
   */
  readonly onSyscall?: SyscallHooks | URL;
}

/** What a program is given besides its standard streams. */
export interface LaunchOptions {
  /** The whole environment; nothing of the host's is added. By default only a PATH. Undefined values are left out. */
  readonly env?: Readonly<Record<string, string | undefined>> | readonly string[];
  /** Working directory in the guest; `/` by default. */
  readonly cwd?: string;
  /** `argv[0]`; the command by default. */
  readonly argv0?: string;
  /** Whom it runs as inside, those of this process by default. Without supplementary groups where one is given. */
  readonly uid?: number;
  readonly gid?: number;
}

export interface StartOptions extends LaunchOptions, StreamOptions {}

/** Those of child_process.spawn that mean something here. */
export interface SpawnOptions extends LaunchOptions {
  /** `pipe` by default. */
  readonly stdio?: StdioOption;
  /** Sends `killSignal` when it aborts; the event `error` is then an AbortError. */
  readonly signal?: AbortSignal;
  /** Milliseconds after which `killSignal` is sent. */
  readonly timeout?: number;
  /** SIGTERM by default. */
  readonly killSignal?: NodeJS.Signals | number;
}

export interface RunOptions extends Omit<StartOptions, 'stdout' | 'stderr'> {
  /** `pipe`, the default, gives what was written in the result. */
  readonly stdout?: Output | 'pipe';
  readonly stderr?: Output | 'pipe';
  /** What `stdout` and `stderr` are given as; `utf8` by default. */
  readonly encoding?: 'utf8' | 'buffer';
  /** Most bytes taken of each stream, 64 MiB by default. A program that writes more is ended. */
  readonly maxBuffer?: number;
  /** Ends the program by SIGKILL and rejects with the signal's reason. `AbortSignal.timeout` makes a time limit. */
  readonly signal?: AbortSignal;
}

export interface RunResult<Output = string> {
  /** Null where a signal ended the program. */
  readonly exitCode: number | null;
  /** Null where the program exited by itself. */
  readonly signal: string | null;
  /** What it wrote; empty for a stream that is not `pipe`. */
  readonly stdout: Output;
  readonly stderr: Output;
}

/** One sandbox: its tasks, its memory, its clocks, its name. */
import { getPriority, hostname } from 'node:os';
import { Errno } from './abi/errno.js';
import { Signo } from './abi/signal.js';
import type { FdTable } from './fs/fd-table.js';
import type { FsContext } from './fs/fs-context.js';
import type { GuestAddressSpace, GuestContext, GuestMemory, GuestPlatform } from './guest.js';
import { HookTable, type SyscallHooks } from './hooks/syscall-hooks.js';
import { ExecError } from './loader/exec-error.js';
import type { ExecutableOpener } from './loader/executable-file.js';
import { checkArguments } from './loader/initial-stack.js';
import {
  closeProgram,
  loadProgram,
  openProgram,
  type Hardware,
  type LoadedProgram,
  type ProgramFile,
} from './loader/load-program.js';
import { findProgram } from './loader/search-path.js';
import { chooseLayout } from './mm/address-layout.js';
import { MemoryManager } from './mm/memory-manager.js';
import { maxFrameSize } from './signal/signal-frame.js';
import { createDispatcher, type Dispatcher } from './syscalls/dispatcher.js';
import { syscallTable } from './syscalls/table.js';
import { hostCredentials, type Credentials } from './task/credentials.js';
import { Process } from './task/process.js';
import { KernelMemory } from './fs/kernel-memory.js';
import { HostTerminal } from './fs/tty/host-terminal.js';
import { Terminals } from './fs/tty/terminals.js';
import type { HostNetwork } from './net/host/host-network.js';
import { Network } from './net/network.js';
import { Rlimit, type ResourceLimits } from './task/resource-limits.js';
import { runTask } from './task/run-loop.js';
import { startState } from './task/start-state.js';
import { Task } from './task/task.js';
import { Turns } from './task/turns.js';
import { Vdso } from './time/vdso.js';
import type { TraceOptions } from './trace/trace-event.js';
import { Tracer } from './trace/tracer.js';

export interface KernelOptions {
  readonly platform: GuestPlatform;
  /** `nodename` of uname(2); the host's by default. */
  readonly hostname?: string;
  /** Told of each system call, signal and exit. */
  readonly trace?: TraceOptions | undefined;
  /** CPUID leaf 1 EDX, for AT_HWCAP. */
  readonly hwcap?: number;
  /** CPUs the guest sees in sched_getaffinity(2); 1 by default. */
  readonly cpuCount?: number;
  readonly credentials?: Credentials;
  /** The way out for connections and datagrams; by default there is none. */
  readonly hostNetwork?: HostNetwork;
  /** Functions of the user's that calls go through. */
  readonly onSyscall?: SyscallHooks;
  /** Told of what should not happen: an exception inside a handler, a guest out of memory. */
  readonly onDefect?: (message: string, error?: unknown) => void;
}

export interface ExecRequest {
  /** Program: a path; or a plain name where `searchPath` is given. */
  readonly path: string;
  /** Directories separated by colons, for a `path` without a slash. */
  readonly searchPath?: string;
  readonly argv: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  /** Root, working directory and umask of the program; disposed of when it ends. */
  readonly fsContext: FsContext;
  /** Descriptors 0, 1 and 2 already in place; closed when the program ends. */
  readonly files: FdTable;
  /** The sandbox's own by default. */
  readonly credentials?: Credentials;
}

/** `kernel.pid_max`, and how many tasks there may be at a time. */
const PID_MAX = 32768;
const MAX_TASKS = 8192;
/** Low pids are not given out again once the numbers have gone round. */
const RESERVED_PIDS = 300;

/** Calls that the vDSO answers: clock_gettime(2), gettimeofday(2), time(2), getcpu(2), clock_getres(2). */
const VDSO_CALLS = [96, 201, 228, 229, 309];

/** A processor of the x86-64 baseline, where nobody says better. */
const DEFAULT_HWCAP = 0x078bfbff;

export class Kernel {
  readonly memory: GuestMemory;
  readonly platform: GuestPlatform;
  readonly hostname: string;
  readonly cpuCount: number;
  /** Processes by pid, in order of creation. */
  readonly processes = new Map<number, Process>();
  /** CLOCK_REALTIME seconds at which this kernel booted, for /proc/stat. */
  readonly bootTime = Math.floor(Date.now() / 1000);
  readonly network: Network;
  readonly tracer: Tracer | undefined;
  readonly dispatch: Dispatcher;
  readonly #vdso: Vdso | undefined;
  /** Threads by tid; a process that has ended keeps the place of its first until it is reaped. */
  readonly tasks = new Map<number, Task>();
  /** Tasks that are neither in the guest by themselves nor waiting: they take turns. */
  runnable = 0;
  readonly turns = new Turns();
  readonly #credentials: Credentials;
  #lastPid = 0;
  readonly #reserved = new Set<number>();
  #onIdle: (() => void) | undefined;
  /** Everything has been killed: nothing starts any more. */
  #isOver = false;
  /** What ended the sandbox, where it was a failure and no program of its own. */
  #failure: { readonly error: Error } | undefined;
  readonly #hooks: HookTable | undefined;
  /** Where keys and signals of the host's go to. */
  readonly hostTerminal = new HostTerminal(this);

  constructor(readonly options: KernelOptions) {
    this.platform = options.platform;
    this.memory = options.platform.memory;
    this.#hooks = options.onSyscall === undefined ? undefined : new HookTable(options.onSyscall);
    this.#vdso = VDSO_CALLS.some((number) => this.#hooks?.has(number))
      ? undefined
      : Vdso.create(options.platform);
    this.hostname = options.hostname ?? hostname();
    this.cpuCount = options.cpuCount ?? 1;
    this.network = new Network(KernelMemory.of(this.memory), options.hostNetwork);
    this.#credentials = options.credentials ?? hostCredentials();
    const plain = createDispatcher(syscallTable);
    const dispatch = this.#hooks?.wrap(plain) ?? plain;
    this.tracer = options.trace === undefined ? undefined : new Tracer(syscallTable, options.trace);
    this.dispatch = this.tracer?.wrap(dispatch) ?? dispatch;
  }

  /**
   * Starts a program, which takes over `files` and `fsContext`. @throws {ExecError} with the errno and a message,
   * where it cannot be: then both stay the caller's.
   */
  async exec(request: ExecRequest): Promise<Task> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { fsContext } = request;
    fsContext.credentials = request.credentials ?? this.#credentials;
    const path = findProgram(fsContext, request.path, request.searchPath);
    const pid = this.reservePid();
    if (pid < 0) throw new ExecError(-pid, 'there are too many processes');
    try {
      return await this.#start(request, path, pid);
    } finally {
      this.settlePid(pid);
    }
  }

  async #start(request: ExecRequest, path: string, pid: number): Promise<Task> {
    const { fsContext, credentials = this.#credentials } = request;
    const process = new Process(this, pid);
    // As any program inherits it: its threads run at no other on the host.
    process.nice = getPriority();
    const program = this.openProgram(fsContext, path, request.argv, request.env, process);
    const { mm, loaded } = await this.loadInto(program, request.env, process.limits, credentials);
    let context: GuestContext;
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#isOver) throw new ExecError(Errno.EPERM, 'the sandbox is disposed of');
      if (!request.files.countIn(KernelMemory.of(this.memory))) {
        throw new ExecError(Errno.ENOMEM, 'no memory is left for descriptors');
      }
      context = this.platform.newContext();
    } catch (error) {
      mm.release();
      throw error;
    }
    const task = new Task(process.pid, {
      kernel: this,
      process,
      context,
      mm,
      files: request.files,
      fsContext,
      credentials,
    });
    task.become(program);
    startState(task.registers, loaded);
    this.processes.set(process.pid, process);
    this.tasks.set(task.tid, task);
    process.tasks.add(task);
    this.hostTerminal.attach(process, request.files, fsContext);
    this.tracer?.started(task, path, request.argv, request.env);
    void runTask(task);
    return task;
  }

  /** Finds and checks a program and its arguments; nothing is changed yet. @throws {ExecError} */
  openProgram(
    opener: ExecutableOpener,
    path: string,
    argv: readonly string[],
    env: readonly string[],
    process: Process,
  ): ProgramFile {
    const maxAddress = this.platform.maxUserAddress;
    const program = openProgram(opener, path, argv, maxAddress);
    try {
      checkArguments(program.argv, env, process.limits.soft(Rlimit.Stack));
      return program;
    } catch (error) {
      closeProgram(program);
      throw error;
    }
  }

  /** Lays a program out in a new address space, and closes it. @throws {ExecError} */
  async loadInto(
    program: ProgramFile,
    env: readonly string[],
    limits: ResourceLimits,
    credentials: Credentials,
  ): Promise<{ mm: MemoryManager; loaded: LoadedProgram }> {
    let mm: MemoryManager | undefined;
    try {
      mm = new MemoryManager({
        addressSpace: await this.newAddressSpace(),
        memory: this.memory,
        layout: chooseLayout(this.platform.maxUserAddress, limits.soft(Rlimit.Stack)),
        limits,
        identity: credentials,
      });
      mm.execute(program.file.contents);
      return {
        mm,
        loaded: loadProgram(mm, program, env, credentials, this.#hardware(), this.#vdso),
      };
    } catch (error) {
      mm?.release();
      throw error;
    } finally {
      closeProgram(program);
    }
  }

  /** What a terminal does with Ctrl-C and the like: a signal to the foreground process group. */
  signalForeground(signo: number): void {
    this.hostTerminal.signalForeground(signo);
  }

  /**
   * A number that no task, process, group or session has, for a task that is being made; -EAGAIN where there are too
   * many tasks.
   */
  reservePid(): number {
    if (this.tasks.size + this.#reserved.size >= MAX_TASKS) return -Errno.EAGAIN;
    const used = new Set(this.#reserved);
    for (const { processGroup, session } of this.processes.values()) {
      used.add(processGroup).add(session);
    }
    do {
      this.#lastPid = this.#lastPid + 1 < PID_MAX ? this.#lastPid + 1 : RESERVED_PIDS;
    } while (this.tasks.has(this.#lastPid) || used.has(this.#lastPid));
    this.#reserved.add(this.#lastPid);
    return this.#lastPid;
  }

  /** The task that a number was reserved for is there, or will not be. */
  settlePid(pid: number): void {
    this.#reserved.delete(pid);
  }

  /** Tasks that are being made. */
  get reservedPids(): number {
    return this.#reserved.size;
  }

  /** A process has been reaped. */
  forget(process: Process): void {
    this.processes.delete(process.pid);
    this.tasks.delete(process.pid);
    if (this.processes.size === 0) this.#onIdle?.();
  }

  /** The leader of a session has ended: its terminal's foreground group is hung up (credentials(7)). */
  onSessionEnded(leader: Process): void {
    Terminals.of(this).sessionEnded(leader);
  }

  /** Kills whatever runs, and waits until all of it has ended. Nothing can be started after that. */
  async killAll(): Promise<void> {
    this.#isOver = true;
    if (this.processes.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    for (const process of [...this.processes.values()]) {
      // Nobody will ask how it ended.
      process.parent?.children.delete(process);
      process.parent = undefined;
      if (process.isZombie) this.forget(process);
      else process.exit({ signal: Signo.SIGKILL, coreDumped: false });
    }
    await idle;
  }

  /** Somebody is to be told of each of these calls: none may be answered without coming here. */
  isWatched(number: number): boolean {
    return this.tracer !== undefined || this.#hooks?.has(number) === true;
  }

  get failure(): { readonly error: Error } | undefined {
    return this.#failure;
  }

  /** Something that the sandbox is built on has failed: all of it ends, and whoever waits for a program gets `error`. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#isOver = true;
    for (const process of [...this.processes.values()]) {
      if (!process.isZombie) process.exit({ signal: Signo.SIGKILL, coreDumped: false });
    }
  }

  /** Tells the owner of what should not happen. Never throws. */
  reportDefect(message: string, error?: unknown): void {
    try {
      this.options.onDefect?.(message, error);
    } catch {
      // A listener's own failure is not the guest's.
    }
  }

  async newAddressSpace(): Promise<GuestAddressSpace> {
    for (;;) {
      const space = this.platform.newAddressSpace();
      if (!(space instanceof Promise)) return space;
      await space;
    }
  }

  #hardware(): Hardware {
    return {
      hwcap: this.options.hwcap ?? DEFAULT_HWCAP,
      hwcap2: 0,
      minSignalStack: maxFrameSize(EXTENDED_STATE_SIZE),
    };
  }
}

/** XSAVE area of a processor with AVX-512, in the standard format. */
const EXTENDED_STATE_SIZE = 2696;

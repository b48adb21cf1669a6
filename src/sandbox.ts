/** Joins a platform and a kernel: the only place that knows both. */
import { getSystemErrorName } from 'node:util';
import { PlatformError, StartError } from './errors.js';
import { canOpenKvmDevice, inspectKvmDevice, kvmDevicePath } from './host/kvm-device.js';
import { createFsContext, enter, WorkingDirectoryError } from './kernel/fs/create-fs-context.js';
import type { FdTable } from './kernel/fs/fd-table.js';
import type { FsContext } from './kernel/fs/fs-context.js';
import { KernelMemory } from './kernel/fs/kernel-memory.js';
import { answeredOutside, PENDING } from './kernel/fs/user/answers.js';
import { Kernel } from './kernel/kernel.js';
import type { HostNetwork } from './kernel/net/host/host-network.js';
import { ExecError } from './kernel/loader/exec-error.js';
import { hostCredentials, simpleCredentials, type Credentials } from './kernel/task/credentials.js';
import type {
  LaunchOptions,
  PlatformOptions,
  SandboxOptions,
  SpawnOptions,
  StartOptions,
} from './options.js';
import type { Platform } from './platform/contract.js';
import { UnavailableError } from './platform/errors.js';
import { Program } from './program.js';
import { SandboxProcess } from './spawn/sandbox-process.js';
import { openStdio } from './spawn/stdio.js';
import { openStandardStreams } from './standard-streams.js';
import { traceTo } from './trace/trace-to.js';

const DEFAULT_MEMORY = 2 * 1024 ** 3;
/** Milliseconds: a day. */
const LONG = 86_400_000;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Makes a platform. Dispose of it when done: it holds a virtual machine or processes, memory and threads.
 * @throws {PlatformError} where this machine has none; the message says what to do
 */
export async function createPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const { platform = 'auto' } = options;
  if (platform === 'ptrace') return createPtrace(options);
  try {
    return await createKvm(options);
  } catch (error) {
    if (platform === 'kvm' || !(error instanceof UnavailableError)) throw error;
    return await fallBack(options, error);
  }
}

async function createKvm(options: PlatformOptions): Promise<Platform> {
  const device = kvmDevicePath();
  if (!canOpenKvmDevice(device)) throw unavailable(device);
  const { createKvmPlatform } = await import('./kvm/platform.js');
  return createKvmPlatform({
    ...sizesOf(options),
    device,
    callSites: options.rewriteCalls === true,
    exitless: options.exitless ?? 'auto',
  });
}

function unavailable(path: string): UnavailableError {
  const device = inspectKvmDevice(path);
  const remedy = device.remedy === undefined ? '' : `; try: ${device.remedy}`;
  const problem = device.problem ?? `${path} did not open`;
  return new UnavailableError(`${problem}${remedy} ('ringfence doctor' says more)`);
}

async function createPtrace(options: PlatformOptions): Promise<Platform> {
  const { createPtracePlatform } = await import('./ptrace/platform.js');
  return createPtracePlatform(sizesOf(options));
}

/** The ptrace platform in place of KVM, which fails with `cause`. */
async function fallBack(options: PlatformOptions, cause: UnavailableError): Promise<Platform> {
  try {
    const platform = await createPtrace(options);
    options.onFallback?.(`${cause.message}; guests run by ptrace instead`);
    return platform;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    throw new PlatformError(`${cause.message}; and ${error.message}`, { cause: error });
  }
}

function sizesOf(options: PlatformOptions): { memoryLimit: number; vcpus?: number } {
  return {
    memoryLimit: options.memory ?? DEFAULT_MEMORY,
    ...(options.vcpus === undefined ? {} : { vcpus: options.vcpus }),
  };
}

/** A platform, a kernel on it, and the files its programs see. */
export class Sandbox implements AsyncDisposable {
  readonly #platform: Platform;
  readonly #ownsPlatform: boolean;
  readonly #kernel: Kernel;
  /** Root and mounts; a program gets a copy with a working directory of its own. */
  readonly #fsContext: FsContext;
  readonly #running = new Set<Program>();
  #disposal: Promise<void> | undefined;

  private constructor(
    platform: Platform,
    ownsPlatform: boolean,
    hostNetwork: HostNetwork | undefined,
    options: SandboxOptions,
  ) {
    this.#platform = platform;
    this.#ownsPlatform = ownsPlatform;
    this.#fsContext = createFsContext({
      rootfs: options.rootfs ?? '/',
      binds: (options.binds ?? []).map((bind) => ({ readOnly: false, ...bind })),
      userMounts: Object.entries(options.mounts ?? {}).map(([guest, files]) => ({ guest, files })),
      memory: platform.memory,
      ...(options.onDefect === undefined ? {} : { onDefect: options.onDefect }),
    });
    this.#kernel = new Kernel({
      platform,
      trace: typeof options.trace === 'function' ? traceTo(options.trace) : options.trace,
      ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
      cpuCount: platform.vcpus,
      ...(hostNetwork === undefined ? {} : { hostNetwork }),
      ...(options.onSyscall === undefined ? {} : { onSyscall: options.onSyscall }),
      ...(options.onDefect === undefined ? {} : { onDefect: options.onDefect }),
    });
  }

  /** @throws {PlatformError} where this machine cannot run guests */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const { platform = 'auto', ...rest } = options;
    const hostNetwork = reachesHost(options.net) ? await createHostNetwork() : undefined;
    if (typeof platform === 'object') return new Sandbox(platform, false, hostNetwork, options);
    const created = await createPlatform({ ...rest, platform });
    try {
      return new Sandbox(created, true, hostNetwork, options);
    } catch (error) {
      created.dispose();
      throw error;
    }
  }

  /**
   * Starts a program: a path in the guest's root, or a name to look up in the PATH of `env`.
   * @throws {StartError} where it cannot be
   */
  async start(
    command: string,
    args: readonly string[] = [],
    options: StartOptions = {},
  ): Promise<Program> {
    this.#checkUsable();
    return this.#launch(command, args, options, openStandardStreams(options));
  }

  /**
   * Starts a program as child_process.spawn does: failures to start it come as the event `error`.
   * @throws {TypeError} for options that make no sense
   */
  spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): SandboxProcess {
    this.#checkUsable();
    credentialsOf(options);
    const opened = openStdio(options.stdio, KernelMemory.of(this.#platform.memory));
    const argv = [options.argv0 ?? command, ...args];
    return new SandboxProcess(command, argv, options, opened, (files) =>
      this.#launch(command, args, options, files),
    );
  }

  #checkUsable(): void {
    if (this.#disposal !== undefined) throw new Error('the sandbox is disposed of');
  }

  /** Takes over `files`. @throws {StartError} */
  async #launch(
    command: string,
    args: readonly string[],
    options: LaunchOptions,
    files: FdTable,
  ): Promise<Program> {
    const fsContext = this.#fsContext.clone();
    try {
      const env = environmentOf(options.env);
      const credentials = credentialsOf(options);
      const request = {
        path: toBytes(command),
        searchPath: searchPathOf(env),
        argv: [options.argv0 ?? command, ...args].map(toBytes),
        env: env.map(toBytes),
        fsContext,
        files,
        ...(credentials === undefined ? {} : { credentials }),
      };
      const task = await answeredOutside(async () => {
        enter(fsContext, options.cwd ?? '/');
        return this.#kernel.exec(request);
      }, isPending);
      return this.#follow(new Program(task));
    } catch (error) {
      files.closeAll();
      fsContext.dispose();
      throw error instanceof ExecError ? startError(error) : error;
    }
  }

  /** Ends every program and gives back all that the sandbox holds. Twice is safe. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #dispose(): Promise<void> {
    const running = [...this.#running];
    await this.#kernel.killAll();
    await Promise.allSettled(running.map((program) => program.ended));
    await this.#kernel.network.dispose();
    this.#fsContext.namespace.dispose();
    if (this.#ownsPlatform) this.#platform.dispose();
  }

  #follow(program: Program): Program {
    this.#running.add(program);
    // A program that waits for nothing of the host's is no reason for Node.js to end.
    const alive = setInterval(() => undefined, LONG);
    const forget = (): void => {
      clearInterval(alive);
      this.#running.delete(program);
    };
    program.ended.then(forget, forget);
    return program;
  }
}

function reachesHost(mode: string | undefined): boolean {
  if (mode !== undefined && mode !== 'none' && mode !== 'host') {
    throw new TypeError(`net is 'none' or 'host', not ${JSON.stringify(mode)}`);
  }
  return mode === 'host';
}

/** Node.js's modules for it are loaded only where they are needed. */
async function createHostNetwork(): Promise<HostNetwork> {
  const { NodeNetwork } = await import('./kernel/net/host/node-network.js');
  return new NodeNetwork();
}

/** The kernel's strings hold a byte in each character, so that any name survives. */
function toBytes(text: string): string {
  if (text.includes('\0'))
    throw new StartError(`${JSON.stringify(text)} has a NUL in it`, 'EINVAL');
  return Buffer.from(text, 'utf8').toString('latin1');
}

function environmentOf(env: LaunchOptions['env']): readonly string[] {
  if (env === undefined) return [`PATH=${DEFAULT_PATH}`];
  if (Array.isArray(env)) return env as readonly string[];
  return Object.entries(env as Readonly<Record<string, string | undefined>>).flatMap(
    ([name, value]) => (value === undefined ? [] : [`${name}=${value}`]),
  );
}

/** Undefined: the sandbox's own. @throws {TypeError} */
function credentialsOf({ uid, gid }: LaunchOptions): Credentials | undefined {
  for (const id of [uid, gid]) {
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < 0xffffffff)) {
      throw new TypeError(`uid and gid are numbers from 0 to 4294967294, not ${String(id)}`);
    }
  }
  if (uid === undefined && gid === undefined) return undefined;
  const host = hostCredentials();
  return simpleCredentials(uid ?? host.uid, gid ?? host.gid, []);
}

function searchPathOf(env: readonly string[]): string {
  const variable = env.find((entry) => entry.startsWith('PATH='));
  return toBytes(variable?.slice('PATH='.length) ?? DEFAULT_PATH);
}

function isPending(error: unknown): boolean {
  const isStart = error instanceof ExecError || error instanceof WorkingDirectoryError;
  return isStart && error.errno === -PENDING;
}

function startError(error: ExecError): StartError {
  const message = Buffer.from(error.message, 'latin1').toString('utf8');
  return new StartError(message, getSystemErrorName(-error.errno));
}

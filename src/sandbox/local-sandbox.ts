/** A sandbox on this thread. Joins a platform and a kernel: the only place that knows both. */
import { constants } from 'node:os';
import { StartError } from '../errors.js';
import type { NativeSpareMachine } from '../host/native.js';
import { createFsContext, enter, WorkingDirectoryError } from '../kernel/fs/create-fs-context.js';
import type { FdTable } from '../kernel/fs/fd-table.js';
import type { FsContext } from '../kernel/fs/fs-context.js';
import { KernelMemory } from '../kernel/fs/kernel-memory.js';
import { answeredOutside, PENDING } from '../kernel/fs/user/answers.js';
import { Kernel } from '../kernel/kernel.js';
import type { HostNetwork } from '../kernel/net/host/host-network.js';
import { ExecError } from '../kernel/loader/exec-error.js';
import type { LaunchOptions, LocalSandboxOptions } from '../options.js';
import type { Platform } from '../platform/contract.js';
import { traceTo } from '../trace/trace-to.js';
import { createPlatform } from './create-platform.js';
import { openDescriptors, type Descriptor, type OpenedDescriptors } from './descriptors.js';
import { execRequestOf } from './exec-request.js';
import { LocalProgram } from './program.js';
import type { SandboxHost } from './sandbox-host.js';

/** Milliseconds: a day. */
const LONG = 86_400_000;

/** A platform, a kernel on it, and the files its programs see. */
export class LocalSandbox implements SandboxHost {
  readonly #platform: Platform;
  readonly #ownsPlatform: boolean;
  readonly #kernel: Kernel;
  /** Root and mounts; a program gets a copy with a working directory of its own. */
  readonly #fsContext: FsContext;
  readonly #running = new Set<LocalProgram>();

  private constructor(
    platform: Platform,
    ownsPlatform: boolean,
    hostNetwork: HostNetwork | undefined,
    options: LocalSandboxOptions,
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

  /** @throws {PlatformError} where this machine cannot run guests, {TypeError} for options that make no sense */
  static async create(
    options: LocalSandboxOptions,
    spare?: NativeSpareMachine,
  ): Promise<LocalSandbox> {
    const { platform = 'auto', ...rest } = options;
    const hostNetwork = reachesHost(options.net) ? await createHostNetwork() : undefined;
    if (typeof platform === 'object') {
      return new LocalSandbox(platform, false, hostNetwork, options);
    }
    const created = await createPlatform({ ...rest, platform }, spare);
    try {
      return new LocalSandbox(created, true, hostNetwork, options);
    } catch (error) {
      created.dispose();
      throw error;
    }
  }

  launch(
    command: string,
    args: readonly string[],
    options: LaunchOptions,
    descriptors: readonly Descriptor[],
  ): { streams: OpenedDescriptors['streams']; program: Promise<LocalProgram> } {
    const { files, streams } = openDescriptors(descriptors, KernelMemory.of(this.#platform.memory));
    return { streams, program: this.#start(command, args, options, files) };
  }

  /** Takes over `files`. @throws {StartError} */
  async #start(
    command: string,
    args: readonly string[],
    options: LaunchOptions,
    files: FdTable,
  ): Promise<LocalProgram> {
    const fsContext = this.#fsContext.clone();
    try {
      const request = { ...execRequestOf(command, args, options), fsContext, files };
      const task = await answeredOutside(async () => {
        enter(fsContext, options.cwd ?? '/');
        return this.#kernel.exec(request);
      }, isPending);
      return this.#follow(new LocalProgram(task));
    } catch (error) {
      files.closeAll();
      fsContext.dispose();
      throw error instanceof ExecError ? startError(error) : error;
    }
  }

  async dispose(): Promise<void> {
    const running = [...this.#running];
    await this.#kernel.killAll();
    await Promise.allSettled(running.map((program) => program.ended));
    await this.#kernel.network.dispose();
    this.#fsContext.namespace.dispose();
    if (this.#ownsPlatform) this.#platform.dispose();
  }

  #follow(program: LocalProgram): LocalProgram {
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
  const { NodeNetwork } = await import('../kernel/net/host/node-network.js');
  return new NodeNetwork();
}

function isPending(error: unknown): boolean {
  const isStart = error instanceof ExecError || error instanceof WorkingDirectoryError;
  return isStart && error.errno === -PENDING;
}

function startError(error: ExecError): StartError {
  const message = Buffer.from(error.message, 'latin1').toString('utf8');
  return new StartError(message, errnoName(error.errno));
}

/** util.getSystemErrorName knows those of libuv alone: ENOEXEC is none. */
function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === errno);
  return found?.[0] ?? `E${String(errno)}`;
}

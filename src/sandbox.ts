/** Programs in a world of their own, as users of the library hold it. */
import type { SandboxOptions, SpawnOptions, StartOptions } from './options.js';
import { checkRequest } from './sandbox/exec-request.js';
import type { Program } from './sandbox/program.js';
import type { SandboxHost } from './sandbox/sandbox-host.js';
import { SandboxProcess } from './sandbox/sandbox-process.js';
import { descriptorsOf } from './sandbox/standard-streams.js';
import { planStdio } from './sandbox/stdio.js';
import { withListeners } from './sandbox/user-functions.js';

const THREADS: readonly unknown[] = ['worker', 'own', 'caller'];

export class Sandbox implements AsyncDisposable {
  readonly #host: SandboxHost;
  #disposal: Promise<void> | undefined;

  private constructor(host: SandboxHost) {
    this.#host = host;
  }

  /** @throws {PlatformError} where this machine cannot run guests, {TypeError} for options that make no sense */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    return new Sandbox(await createHost(withListeners(options)));
  }

  /**
   * Starts a program: a path in the guest's root, or a name to look up in the PATH of `env`.
   * @throws {StartError} where it cannot be, {TypeError} for options that make no sense
   */
  async start(
    command: string,
    args: readonly string[] = [],
    options: StartOptions = {},
  ): Promise<Program> {
    this.#checkUsable();
    checkRequest(command, args, options);
    return this.#host.launch(command, args, options, descriptorsOf(options)).program;
  }

  /**
   * Starts a program as child_process.spawn does: failures to start it come as the event `error`.
   * @throws {TypeError} for options that make no sense
   */
  spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): SandboxProcess {
    this.#checkUsable();
    checkRequest(command, args, options);
    const argv = [options.argv0 ?? command, ...args];
    const { descriptors, targets } = planStdio(options.stdio);
    return new SandboxProcess(command, argv, options, targets, () =>
      this.#host.launch(command, args, options, descriptors),
    );
  }

  #checkUsable(): void {
    if (this.#disposal !== undefined) throw new Error('the sandbox is disposed of');
  }

  /** Ends every program and gives back all that the sandbox holds. Twice is safe. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#host.dispose();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** What is not used is not loaded: the kernel, where the sandbox is on a worker. */
async function createHost(options: SandboxOptions): Promise<SandboxHost> {
  const { thread = usualThread(options), onSyscall, ...rest } = options;
  if (!THREADS.includes(thread)) {
    throw new TypeError(`thread is 'worker', 'own' or 'caller', not ${JSON.stringify(thread)}`);
  }
  if (thread !== 'caller') {
    const { RemoteSandbox } = await import('./worker/remote-sandbox.js');
    return RemoteSandbox.create({ ...options, thread });
  }
  if (onSyscall instanceof URL) {
    throw new TypeError("onSyscall: with thread 'caller' it is functions, not the URL of a module");
  }
  const { LocalSandbox } = await import('./sandbox/local-sandbox.js');
  return LocalSandbox.create({ ...rest, ...(onSyscall === undefined ? {} : { onSyscall }) });
}

function usualThread({ platform, onSyscall }: SandboxOptions): 'worker' | 'caller' {
  const hasFunctions = onSyscall !== undefined && !(onSyscall instanceof URL);
  return typeof platform === 'object' || hasFunctions ? 'caller' : 'worker';
}

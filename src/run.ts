/** A program run to its end, and what it wrote. */
import { CapturedOutput } from './captured-output.js';
import type { RunOptions, RunResult, SandboxOptions } from './options.js';
import type { Program } from './sandbox/program.js';
import { Sandbox } from './sandbox.js';
import type { Output } from './sandbox/standard-streams.js';

const DEFAULT_MAX_BUFFER = 64 * 1024 ** 2;

type AllOptions = SandboxOptions & RunOptions;

/**
 * Runs a program in a sandbox of its own; the options are those of both.
 * @throws {PlatformError}, {StartError}, {OutputLimitError}, or the reason of an aborted signal
 */
export function run(
  command: string,
  args: readonly string[] | undefined,
  options: AllOptions & { readonly encoding: 'buffer' },
): Promise<RunResult<Buffer>>;
export function run(
  command: string,
  args?: readonly string[],
  options?: AllOptions,
): Promise<RunResult>;
export async function run(
  command: string,
  args: readonly string[] = [],
  options: AllOptions = {},
): Promise<RunResult<string | Buffer>> {
  options.signal?.throwIfAborted();
  const sandbox = await Sandbox.create(options);
  try {
    return await runIn(sandbox, command, args, options);
  } finally {
    await sandbox.dispose();
  }
}

/** Runs a program in a sandbox that is there already. Throws as `run` does. */
export function runIn(
  sandbox: Sandbox,
  command: string,
  args: readonly string[] | undefined,
  options: RunOptions & { readonly encoding: 'buffer' },
): Promise<RunResult<Buffer>>;
export function runIn(
  sandbox: Sandbox,
  command: string,
  args?: readonly string[],
  options?: RunOptions,
): Promise<RunResult>;
export async function runIn(
  sandbox: Sandbox,
  command: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<RunResult<string | Buffer>> {
  const limit = options.maxBuffer ?? DEFAULT_MAX_BUFFER;
  const ending = new Ending();
  const stdout = new CapturedOutput('stdout', limit, ending.force);
  const stderr = new CapturedOutput('stderr', limit, ending.force);
  const stopListening = onAbort(options.signal, ending.force);
  try {
    const program = await sandbox.start(command, args, {
      ...options,
      stdout: outputOf(options.stdout, stdout),
      stderr: outputOf(options.stderr, stderr),
    });
    const { exitCode, signal } = await ending.of(program);
    const contents = (output: CapturedOutput): string | Buffer =>
      options.encoding === 'buffer' ? output.toBuffer() : output.toBuffer().toString('utf8');
    return { exitCode, signal, stdout: contents(stdout), stderr: contents(stderr) };
  } finally {
    stopListening();
  }
}

/** The end of a program, by itself or by force, also where force came before the program was there. */
class Ending {
  #program: Program | undefined;
  #failure: { readonly reason: unknown } | undefined;

  readonly force = (reason: unknown): void => {
    this.#failure ??= { reason };
    this.#program?.kill('SIGKILL');
  };

  async of(program: Program): Promise<Awaited<Program['ended']>> {
    this.#program = program;
    if (this.#failure !== undefined) program.kill('SIGKILL');
    const end = await program.ended;
    if (this.#failure !== undefined) throw this.#failure.reason;
    return end;
  }
}

function onAbort(signal: AbortSignal | undefined, listener: (reason: unknown) => void): () => void {
  if (signal === undefined) return () => undefined;
  signal.throwIfAborted();
  const onEvent = (): void => {
    listener(signal.reason);
  };
  signal.addEventListener('abort', onEvent);
  return () => {
    signal.removeEventListener('abort', onEvent);
  };
}

function outputOf(output: RunOptions['stdout'] = 'pipe', captured: CapturedOutput): Output {
  return output === 'pipe' ? captured.write : output;
}

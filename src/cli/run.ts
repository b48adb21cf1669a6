/** Runs a program with this process's standard streams and terminal. */
import { statSync } from 'node:fs';
import { StartError } from '../errors.js';
import { isTerminal } from '../host/terminal.js';
import type { NetworkMode, PlatformName, LocalSandboxOptions, TraceOptions } from '../options.js';
import type { LocalSandbox } from '../sandbox/local-sandbox.js';
import { guestEnvironment } from './environment.js';
import { describeSignalDeath, Status } from './exit-status.js';
import { CommandFailure, messageOf, reportFailure, say } from './failure.js';
import type { Bind } from './options.js';
import { TraceLines } from '../trace/lines.js';
import { passSignals } from './terminal.js';
import { openTraceOutput } from './trace-output.js';

/** This process's standard streams. */
const INHERITED = [0, 1, 2].map((fd) => ({ kind: 'host', fd }) as const);

/** Of every command that runs a program. */
export interface RunningOptions {
  readonly rootfs: string;
  readonly bind?: readonly Bind[];
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly memory: number;
  readonly net: NetworkMode;
  readonly vcpus?: number;
  readonly platform: 'auto' | PlatformName;
  readonly rewriteCalls?: true;
  readonly exitless: NonNullable<LocalSandboxOptions['exitless']>;
}

export interface RunCommandOptions extends RunningOptions {
  readonly trace?: true;
  readonly traceFile?: string;
}

/** `ringfence run`. */
export async function run(
  name: string,
  args: readonly string[],
  options: RunCommandOptions,
): Promise<number> {
  const { trace, traceFile, ...rest } = options;
  checkPaths(rest);
  if (trace === undefined && traceFile === undefined) return runProgram(name, args, rest);
  const output = openTraceOutput('--trace-file', traceFile);
  try {
    return await runProgram(name, args, rest, new TraceLines(output.write));
  } finally {
    output.close();
  }
}

/** Runs a program to its end and gives the status to exit with. */
export async function runProgram(
  name: string,
  args: readonly string[],
  options: RunningOptions,
  trace?: TraceOptions,
): Promise<number> {
  checkPaths(options);
  const { LocalSandbox } = await import('../sandbox/local-sandbox.js');
  const sandbox = await LocalSandbox.create(sandboxOptions(options, trace));
  try {
    return await runIn(sandbox, name, args, options);
  } catch (error) {
    throw error instanceof StartError ? startFailure(error) : error;
  } finally {
    await sandbox.dispose();
  }
}

async function runIn(
  sandbox: LocalSandbox,
  name: string,
  args: readonly string[],
  options: RunningOptions,
): Promise<number> {
  const launchOptions = {
    env: guestEnvironment(options.env ?? [], {
      uid: process.geteuid?.() ?? 0,
      terminalType: isTerminal(0) || isTerminal(1) ? process.env.TERM : undefined,
    }),
    cwd: options.cwd ?? (options.rootfs === '/' ? process.cwd() : '/'),
  };
  const program = await sandbox.launch(name, args, launchOptions, INHERITED).program;
  const stopPassing = passSignals(program);
  try {
    const { exitCode, signalNumber } = await program.ended;
    if (signalNumber === null) return exitCode ?? Status.Failure;
    const description = describeSignalDeath(signalNumber);
    if (description !== undefined) say(description);
    return Status.SignalBase + signalNumber;
  } finally {
    stopPassing();
  }
}

function sandboxOptions(
  options: RunningOptions,
  trace: TraceOptions | undefined,
): LocalSandboxOptions {
  return {
    platform: options.platform,
    onFallback: (message) => {
      say(`ringfence: ${message}`);
    },
    memory: options.memory,
    net: options.net,
    ...(options.vcpus === undefined ? {} : { vcpus: options.vcpus }),
    rewriteCalls: options.rewriteCalls === true,
    exitless: options.exitless,
    rootfs: options.rootfs,
    binds: options.bind ?? [],
    ...(trace === undefined ? {} : { trace }),
    onDefect: reportDefect(),
  };
}

/** Says the first; a guest that found one may know how to repeat it for ever. */
function reportDefect(): (message: string, error?: unknown) => void {
  let said = false;
  return (message, error) => {
    if (said) return;
    said = true;
    const cause = error === undefined ? '' : `: ${messageOf(error)}`;
    reportFailure(new Error(`${message}${cause}`, { cause: error }));
  };
}

/** As env(1) and shells have it: what is not there is 127, what is there and does not run is 126. */
function startFailure(error: StartError): CommandFailure {
  const notFound = error.code === 'ENOENT' || error.code === 'ENOTDIR';
  return new CommandFailure(error.message, notFound ? Status.NotFound : Status.NotExecutable);
}

function checkPaths(options: RunningOptions): void {
  requireHostPath('--rootfs', options.rootfs, true);
  for (const bind of options.bind ?? []) requireHostPath('--bind', bind.host, false);
}

function requireHostPath(option: string, path: string, directory: boolean): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new CommandFailure(`${option}: ${path} is not there on the host`, Status.Failure);
  }
  if (directory && !found.isDirectory()) {
    throw new CommandFailure(`${option}: ${path} is not a directory`, Status.Failure);
  }
}

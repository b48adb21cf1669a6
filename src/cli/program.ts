/** The commands and their options. What a command does is in a file of its own, loaded when it is called. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { DoctorOptions } from './doctor.js';
import { Status } from './exit-status.js';
import { say } from './failure.js';
import type { RunCommandOptions } from './run.js';
import { createRunningCommand } from './running-options.js';
import { addTraceOptions, type TraceCommandOptions } from './trace-options.js';

/** Runs one command line and gives the exit status. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const status = { value: 0 };
  const program = createProgram(status);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and the version arrive here too, with status 0.
    return error.exitCode === 0 ? 0 : Status.Failure;
  }
  return status.value;
}

function createProgram(status: { value: number }): Command {
  const program = new Command('ringfence')
    .description(
      'Runs untrusted, unmodified x86-64 Linux programs in ring 3 of a KVM guest, or traced where\n' +
        'there is no KVM; every system call they make is answered in TypeScript.',
    )
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: reportUsageError });
  program.addCommand(createRunCommand(status).copyInheritedSettings(program));
  program.addCommand(createTraceCommand(status).copyInheritedSettings(program));
  program.addCommand(createDoctorCommand(status).copyInheritedSettings(program));
  program.addHelpText('after', '\nTry: ringfence run -- /bin/ls -l /');
  return program;
}

function createRunCommand(status: { value: number }): Command {
  return createRunningCommand('run')
    .summary('run a program')
    .description(
      'Runs PROGRAM with its standard input, output, error and terminal passed through.\n' +
        'It sees the root directory read-only with a layer in memory on top: what it writes there is lost at exit.',
    )
    .option('--trace', 'print each system call to standard error, a line each')
    .option('--trace-file <file>', 'print them to a file instead')
    .action(async (name: string, args: string[], options: RunCommandOptions) => {
      const { run } = await import('./run.js');
      status.value = await run(name, args, options);
    });
}

function createTraceCommand(status: { value: number }): Command {
  return addTraceOptions(createRunningCommand('trace'))
    .summary("run a program and print its system calls in strace's format")
    .description(
      'Runs PROGRAM as `ringfence run` does, and prints its system calls, signals and exits to standard error.\n' +
        'The options of one letter are those of strace(1).',
    )
    .action(async (name: string, args: string[], options: TraceCommandOptions) => {
      const { trace } = await import('./trace.js');
      status.value = await trace(name, args, options);
    });
}

function createDoctorCommand(status: { value: number }): Command {
  return new Command('doctor')
    .summary('say whether this machine can run guests, and what to do if not')
    .description(
      'Looks at /dev/kvm, the class of the host, its capabilities and limits, and at ptrace.\n' +
        'Status 0 where guests can run, else 1.',
    )
    .option('--json', 'print JSON')
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor.js');
      status.value = await doctor(options);
    });
}

/** commander's "error: …" line, in our own words. */
function reportUsageError(text: string): void {
  const message = text.trim().replace(/^error: /, '');
  say(`ringfence: ${message}`);
  say("Try 'ringfence --help' or 'ringfence run --help'.");
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return (manifest as { version: string }).version;
}

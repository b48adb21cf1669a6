/** The commands and their options. What a command does is in a file of its own, loaded when it is called. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import type { DoctorOptions } from './doctor.js';
import { Status } from './exit-status.js';
import { say } from './failure.js';
import {
  collectBind,
  collectEnv,
  DEFAULT_MEMORY,
  parseMemory,
  parseNetwork,
  parsePlatform,
  parseVcpus,
} from './options.js';
import type { RunCommandOptions } from './run.js';

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
  program.addCommand(createDoctorCommand(status).copyInheritedSettings(program));
  program.addHelpText('after', '\nTry: ringfence run -- /bin/ls -l /');
  return program;
}

function createRunCommand(status: { value: number }): Command {
  return new Command('run')
    .summary('run a program')
    .description(
      'Runs PROGRAM with its standard input, output, error and terminal passed through.\n' +
        'It sees the root directory read-only with a layer in memory on top: what it writes there is lost at exit.',
    )
    .usage('[options] [--] PROGRAM [ARG...]')
    .argument(
      '<program>',
      "path of the program in the guest's root, or a name to look up in its PATH",
    )
    .argument('[args...]', 'its arguments')
    .passThroughOptions()
    .option('--rootfs <dir>', 'host directory that is the root of the guest', '/')
    .option(
      '--bind <host:guest[:ro]>',
      'put a host directory or file at a path of the guest, writable unless :ro (repeatable)',
      collectBind,
    )
    .option(
      '--env <name=value>',
      "set a variable; NAME alone takes the host's value (repeatable). A guest starts with PATH, HOME and, on a terminal, TERM",
      collectEnv,
    )
    .option(
      '--cwd <dir>',
      'working directory in the guest (default: the current one, or / with --rootfs)',
    )
    .addOption(
      new Option('--memory <size>', 'most memory the guest may use, as in 512m or 2g')
        .argParser(parseMemory)
        .default(parseMemory(DEFAULT_MEMORY), DEFAULT_MEMORY),
    )
    .option(
      '--net <mode>',
      "network: none but the guest's own loopback, or host for outgoing connections too",
      parseNetwork,
      'none',
    )
    .option('--vcpus <n>', 'number of virtual CPUs (default: chosen by the platform)', parseVcpus)
    .option(
      '--platform <name>',
      'how to run guest code: kvm, ptrace, or auto for the better that works',
      parsePlatform,
      'auto',
    )
    .option(
      '--rewrite-calls',
      'make jumps of system calls that are made often, where the host makes `syscall` dear: see docs/call-sites.md',
    )
    .addOption(
      new Option(
        '--exitless <mode>',
        'answer system calls without leaving the guest: auto where that pays, off or on (docs/doorway.md)',
      )
        .choices(['auto', 'off', 'on'])
        .default('auto'),
    )
    .option('--trace', 'print each system call to standard error, a line each')
    .option('--trace-file <file>', 'print them to a file instead')
    .addHelpText('after', EXIT_STATUS_HELP)
    .action(async (name: string, args: string[], options: RunCommandOptions) => {
      const { runProgram } = await import('./run.js');
      status.value = await runProgram(name, args, options);
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

const EXIT_STATUS_HELP = `
Exit status: the program's own; 128+n if signal n ended it; 125 if ringfence failed;
126 if the program is not executable, 127 if it is not found.`;

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

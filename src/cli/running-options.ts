/** The options of every command that runs a program. */
import { Command, Option } from 'commander';
import {
  collectBind,
  collectEnv,
  DEFAULT_MEMORY,
  parseMemory,
  parseNetwork,
  parsePlatform,
  parseVcpus,
} from './options.js';

/** A command that takes a program and its arguments behind its options. */
export function createRunningCommand(name: string): Command {
  return new Command(name)
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
    .addHelpText('after', EXIT_STATUS_HELP);
}

const EXIT_STATUS_HELP = `
Exit status: the program's own; 128+n if signal n ended it; 125 if ringfence failed;
126 if the program is not executable, 127 if it is not found.`;

/** Runs a command natively, or in a sandbox through the built command line, and keeps what a shell would see. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { platformOptions } from './platforms.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(ROOT, 'dist', 'cli', 'main.cjs');

/** The environment of both sides: nothing of the tests' own reaches either. */
export const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/nonexistent',
  TZ: 'UTC',
} as const;

export interface Outcome {
  /** As a shell says it: 128 + n for signal n. */
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface Options {
  readonly input?: string | Buffer;
  readonly cwd?: string;
  /** Options of `ringfence run`; the native side knows nothing of them. */
  readonly run?: readonly string[];
}

/** The command line that runs `command` in a sandbox. */
export function ringfence(
  command: readonly string[],
  run: readonly string[] = [],
  subcommand: 'run' | 'trace' = 'run',
): string[] {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
  const variables = Object.entries(ENVIRONMENT).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  return [
    process.execPath,
    CLI,
    subcommand,
    ...platformOptions(),
    ...variables,
    ...run,
    '--',
    ...command,
  ];
}

export function shellStatus(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? -1) : 128 + constants.signals[signal];
}

/** What a started process ends with. */
export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const status = shellStatus(code, signal);
      resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    });
  });
}

/** Runs `command` as it stands. */
export function run(command: readonly string[], options: Options = {}): Promise<Outcome> {
  const [program, ...args] = command;
  if (program === undefined) throw new Error('no command');
  const child = spawn(program, args, { env: ENVIRONMENT, cwd: options.cwd ?? '/' });
  // A program may end before it has read everything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  return outcomeOf(child);
}

export function runGuest(command: readonly string[], options: Options = {}): Promise<Outcome> {
  return run(ringfence(command, options.run), options);
}

/** Natively, and with what a shell adds: the word on the signal that ended the command. */
export function runInShell(command: readonly string[], options: Options = {}): Promise<Outcome> {
  return run(['sh', '-c', 'ulimit -c 0; "$@"; exit $?', 'sh', ...command], options);
}

/** Ends with 126 where execve(2) refuses; a shell, or execvp(3), would take the file for a script instead. */
const EXECVE = `
import os, sys
try:
    os.execv(sys.argv[1], sys.argv[1:])
except OSError:
    sys.exit(126)
`;

/** Runs one program natively by execve itself. */
export function runByExecve(program: string): Promise<Outcome> {
  return run(['python3', '-c', EXECVE, program]);
}

/** Text for a message: bytes that are no UTF-8 do not matter there. */
export function readable(outcome: Outcome): { status: number; stdout: string; stderr: string } {
  const cut = (bytes: Buffer): string => bytes.toString('latin1').slice(0, 20_000);
  return { status: outcome.status, stdout: cut(outcome.stdout), stderr: cut(outcome.stderr) };
}

/** What a user asks a program to be started with, in the kernel's words. */
import { StartError } from '../errors.js';
import {
  hostCredentials,
  simpleCredentials,
  type Credentials,
} from '../kernel/task/credentials.js';
import type { ExecRequest } from '../kernel/kernel.js';
import type { LaunchOptions } from '../options.js';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** @throws {StartError}, {TypeError} */
export function execRequestOf(
  command: string,
  args: readonly string[],
  options: LaunchOptions,
): Omit<ExecRequest, 'fsContext' | 'files'> {
  const env = environmentOf(options.env);
  const credentials = credentialsOf(options);
  return {
    path: toBytes(command),
    searchPath: searchPathOf(env),
    argv: [options.argv0 ?? command, ...args].map(toBytes),
    env: env.map(toBytes),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

/** @throws {TypeError} for what cannot be asked for */
export function checkRequest(
  command: string,
  args: readonly string[],
  options: LaunchOptions,
): void {
  const { env, cwd, argv0 } = options;
  checkString('the command', command);
  if (!Array.isArray(args)) throw new TypeError('the arguments are an array of strings');
  for (const arg of args) checkString('an argument', arg);
  if (cwd !== undefined) checkString('cwd', cwd);
  if (argv0 !== undefined) checkString('argv0', argv0);
  if (env !== undefined && typeof (env as unknown) !== 'object') {
    throw new TypeError('env is an object, or an array of strings');
  }
  for (const variable of environmentOf(env)) checkString('an entry of env', variable);
  credentialsOf(options);
}

function checkString(name: string, value: unknown): void {
  if (typeof value !== 'string') throw new TypeError(`${name} is a string, not ${typeof value}`);
}

/** The kernel's strings hold a byte in each character, so that any name survives. */
function toBytes(text: string): string {
  if (text.includes('\0'))
    throw new StartError(`${JSON.stringify(text)} has a NUL in it`, 'EINVAL');
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function environmentOf(env: LaunchOptions['env']): readonly string[] {
  if (env === undefined) return [`PATH=${DEFAULT_PATH}`];
  if (Array.isArray(env)) return env as readonly string[];
  return Object.entries(env as Readonly<Record<string, string | undefined>>).flatMap(
    ([name, value]) => (value === undefined ? [] : [`${name}=${value}`]),
  );
}

/** Undefined: the sandbox's own. @throws {TypeError} */
export function credentialsOf({ uid, gid }: LaunchOptions): Credentials | undefined {
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

/** `ringfence trace` beside the real strace: the same programs, the same lines. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { ENVIRONMENT, outcomeOf, ringfence } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { tasksOf } from './strace-output.js';

const STRACE = '/usr/bin/strace';
const missing = !existsSync(STRACE);
const lacking = missing ? { meta: { lacking: 'not installed: strace' } } : {};

/** Signals of children come when they come, and how a shell waits for them is a race natively, too. */
const CALM = ['-e', 'signal=!CHLD', '-e', 'trace=!wait4,rt_sigreturn'];

const ALL: readonly string[] = [];

async function traced(
  tracer: 'strace' | 'ringfence',
  options: readonly string[],
  command: readonly string[],
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-'));
  try {
    const output = ['-o', join(folder, 'trace')];
    const [program = '', ...args] =
      tracer === 'strace'
        ? [STRACE, ...options, ...output, '--', ...command]
        : ringfence(command, [...options, ...output], 'trace');
    // A pipe of the test's is not of one kind on both sides.
    await outcomeOf(spawn(program, args, { env: ENVIRONMENT, cwd: '/', stdio: 'ignore' }));
    return readFileSync(join(folder, 'trace'), 'latin1');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function names(output: string): string[] {
  return [...new Set(output.split('\n').map((line) => /^(\w+)\(/.exec(line)?.[1] ?? ''))].sort();
}

describePlatforms('a trace beside that of strace', () => {
  it.skipIf(missing).each<[string, readonly string[], string[]]>([
    ['a program that does nothing', ALL, ['/bin/true']],
    ['cat of what is there and what is not', ALL, ['/bin/cat', '/etc/passwd', '/missing']],
    ['the calls of the trace’s own test program', ALL, [guest('traced_calls')]],
    ['long strings', ['-s', '200'], ['/bin/echo', 'x'.repeat(150)]],
    ['no strings', ['-s', '0'], ['/bin/echo', 'hello']],
    ['one class', ['-e', 'trace=%file,%desc'], ['/bin/cat', '/etc/passwd']],
    ['what fails', ['-Z', '-e', 'trace=!rseq'], ['/bin/cat', '/missing']],
    ['what succeeds', ['-z', '-e', '%memory'], ['/bin/cat', '/missing']],
    ['a death by a signal', ALL, ['/bin/dash', '-c', 'kill -USR1 $$']],
    [
      'a pipeline',
      CALM,
      ['/bin/dash', '-c', 'echo one two | /bin/cat | /usr/bin/tr a-z A-Z; exit 3'],
    ],
    [
      'perl',
      ['-e', 'trace=!sysinfo,read'],
      ['/usr/bin/perl', '-e', 'print 1; unlink "/missing"; mkdir "/etc"; exit 2'],
    ],
  ])('%s', lacking, async (_name, options, command) => {
    const [native, inside] = await Promise.all([
      traced('strace', ['-f', ...options], command),
      traced('ringfence', ['-f', ...options], command),
    ]);
    expect(tasksOf(native).flat().length).toBeGreaterThan(0);
    expect(tasksOf(inside)).toEqual(tasksOf(native));
  });

  it
    .skipIf(missing)
    .each([
      '%file',
      '%desc',
      '%net',
      '%process',
      '%signal',
      '%ipc',
      '%memory',
      '%creds',
      '%clock',
      '%pure',
      '%%stat',
      '!%file,%desc',
      '/^[a-f].*at$',
      '!/read|write|[0-9]$',
    ])('%s has the calls that it has there', lacking, async (set) => {
    const options = ['-e', `trace=${set}`, '-e', 'signal=none'];
    const command = [guest('every_call')];
    const native = names(await traced('strace', options, command));
    expect(native.length).toBeGreaterThan(1);
    expect(names(await traced('ringfence', options, command))).toEqual(native);
  });

  it.skipIf(missing)('counts as many calls and errors', lacking, async () => {
    const counts = async (tracer: 'strace' | 'ringfence'): Promise<string[][]> => {
      const table = await traced(
        tracer,
        ['-c', '-S', 'name', '-e', 'trace=!rseq'],
        ['/bin/cat', '/etc/passwd', '/missing'],
      );
      return table.split('\n').map((line) => line.slice(31).trim().split(/ +/));
    };
    const native = await counts('strace');
    expect(native.length).toBeGreaterThan(10);
    expect(await counts('ringfence')).toEqual(native);
  });

  it.skipIf(missing)('follows no child unless it is told to', lacking, async () => {
    const command = ['/bin/dash', '-c', '/bin/true; /bin/true'];
    const options = ['-e', 'trace=execve', '-e', 'signal=none'];
    for (const tracer of ['strace', 'ringfence'] as const) {
      expect(names(await traced(tracer, options, command))).toEqual(['', 'execve']);
      expect((await traced(tracer, options, command)).match(/execve/g)).toHaveLength(1);
      expect((await traced(tracer, ['-f', ...options], command)).match(/execve/g)).toHaveLength(3);
    }
  });
});

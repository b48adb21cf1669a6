import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { outcomeOf, readable, ringfence, ENVIRONMENT, type Outcome } from './outcome.js';
import { describePlatforms } from './platforms.js';

/** Starts `command`, waits for its first output, does something to it, waits for its end. */
async function disturb(
  command: readonly string[],
  action: (child: ReturnType<typeof spawn>) => void,
): Promise<Outcome> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: ENVIRONMENT, cwd: '/' });
  const outcome = outcomeOf(child);
  await once(child.stdout, 'data');
  // The guest may run before the command has got round to waiting for signals: until then it dies of them itself.
  await setTimeout(500);
  action(child);
  return outcome;
}

/** The command on a terminal of its own; what is written to its standard input is typed there. */
const onTerminal = (command: readonly string[]): string[] => [
  'script',
  '-qec',
  command.map((word) => `'${word}'`).join(' '),
  '/dev/null',
];

const typeControlC = (child: ReturnType<typeof spawn>): void => {
  child.stdin?.write('\x03');
};

describePlatforms('an endless loop', () => {
  it.each([
    ['without system calls', []],
    ['of system calls', ['calls']],
  ])('%s ends by a signal to the command', async (_, args) => {
    const command = [guest('spin'), ...args];
    for (const [signal, word] of [
      ['SIGINT', ''],
      ['SIGTERM', 'Terminated\n'],
    ] as const) {
      const native = await disturb(command, (child) => child.kill(signal));
      const found = await disturb(ringfence(command), (child) => child.kill(signal));
      // As a shell would say it, which is silent about the interrupt that its user typed.
      expect(readable(found)).toEqual({ ...readable(native), stderr: word });
      expect(native.status).toBe(signal === 'SIGINT' ? 130 : 143);
    }
  });

  it('ends by Ctrl-C on its terminal', async () => {
    const native = await disturb(onTerminal([guest('spin')]), typeControlC);
    const found = await disturb(onTerminal(ringfence([guest('spin')])), typeControlC);
    expect(native.status).toBe(130);
    expect(readable(found)).toEqual(readable(native));
  });
});

describePlatforms('a terminal', () => {
  const typed = async (script: string, input: string): Promise<Outcome> => {
    const child = spawn('script', ['-qec', script, '/dev/null'], { env: ENVIRONMENT, cwd: '/' });
    child.stdin.end(input);
    return outcomeOf(child);
  };
  const quoted = (command: readonly string[]): string =>
    command.map((word) => `'${word}'`).join(' ');

  it.each([[['stty', 'size']], [['stty', '-a']], [['/bin/ls', '/']], [['test', '-t', '0']]])(
    '%s sees the size and the modes of the host',
    async (command) => {
      const script = (words: readonly string[]): string => `stty rows 41 cols 99; ${quoted(words)}`;
      const native = await typed(script(command), '');
      expect(readable(await typed(script(ringfence(command)), ''))).toEqual(readable(native));
    },
  );

  it('gives what is typed', async () => {
    const native = await typed(quoted(['cat']), 'a line\n\x04');
    expect(readable(await typed(quoted(ringfence(['cat'])), 'a line\n\x04'))).toEqual(
      readable(native),
    );
  });
});

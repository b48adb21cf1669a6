/** A terminal passes through: its size, its keys, its modes. Python's pty is the terminal. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { describeKvm } from '../kvm.js';
import { COMMAND } from './command.js';

const TERMINAL = fileURLToPath(new URL('on_terminal.py', import.meta.url));

interface TerminalResult {
  readonly output: string;
  /** Negative where a signal ended the command itself; null where it did not end. */
  readonly status: number | null;
  /** The terminal echoes, after all is over. */
  readonly echo: boolean;
}

/** Awaits a text, then types another. */
type Keys = readonly (readonly [awaited: string, typed: string])[];

function onTerminal(program: readonly string[], keys: Keys = []): TerminalResult {
  const command = [process.execPath, COMMAND, 'run', ...program];
  const request = { command, rows: 37, columns: 111, keys };
  const { stdout, stderr } = spawnSync('python3', [TERMINAL, JSON.stringify(request)], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as TerminalResult;
}

const CTRL_C = '\x03';
const CTRL_D = '\x04';
const CTRL_Z = '\x1a';

describeKvm('a terminal', () => {
  it('has its size', () => {
    expect(onTerminal(['stty', 'size'])).toMatchObject({ output: '37 111\r\n', status: 0 });
  });

  it('is a terminal to the program, with its type', () => {
    const script = 'test -t 0 && test -t 1 && test -t 2 && echo "<$TERM>"';
    const { output, status } = onTerminal(['/bin/sh', '-c', script]);
    expect(output).toBe(`<${process.env.TERM ?? ''}>\r\n`);
    expect(status).toBe(0);
  });

  it('has a name', () => {
    expect(onTerminal(['tty'])).toMatchObject({ output: '/dev/tty\r\n', status: 0 });
  });

  it('gives lines as they are typed, and ends by Ctrl-D', () => {
    const script = 'echo ready; read line; echo "got $line"; exec cat';
    const { output, status } = onTerminal(
      ['/bin/sh', '-c', script],
      [
        ['ready', 'hello\n'],
        ['got hello', CTRL_D],
      ],
    );
    expect(output).toContain('got hello\r\n');
    expect(status).toBe(0);
  });

  it('ends an endless loop by Ctrl-C', () => {
    const script = 'echo ready; while :; do :; done';
    const { output, status } = onTerminal(['/bin/sh', '-c', script], [['ready', CTRL_C]]);
    expect(output).toBe('ready\r\n^C');
    expect(status).toBe(130);
  });

  it('ends a program that waits for input by Ctrl-C', () => {
    const script = 'echo ready; exec cat';
    const { status } = onTerminal(['/bin/sh', '-c', script], [['ready', CTRL_C]]);
    expect(status).toBe(130);
  });

  it('stops a job of a shell by Ctrl-Z, and ends it by Ctrl-C when it goes on', () => {
    // What is awaited must not be in the echo of what was typed.
    const { output, status } = onTerminal(
      ['/bin/sh', '-i', '-c', 'set -m; PS1= exec sh -i'],
      [
        ['', "cat; echo sto''pped\n"],
        ["sto''pped\r\n", 'first\n'],
        ['first\r\nfirst', CTRL_Z],
        ['stopped', 'fg\n'],
        ['\r\ncat\r\n', 'second\n'],
        ['second\r\nsecond', CTRL_C],
        ['^C\r\n', "echo sta''tus $?\n"],
        ['status 130', 'exit 3\n'],
      ],
    );
    expect(output).toContain('status 130');
    expect(status).toBe(3);
  });

  it('is as it was before, whatever a program did to it', () => {
    expect(onTerminal(['stty', '-echo'])).toMatchObject({ status: 0, echo: true });
  });
});

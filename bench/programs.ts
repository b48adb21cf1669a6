/** Rows that are whole programs: natively, and in a sandbox through the built command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { guest } from '../test/guests/build.js';
import { ENVIRONMENT, ringfence } from '../test/real/outcome.js';
import type { Row } from './sampler.js';

const GETPID_SAMPLES = 50;
const GETPID_BATCH = 1000;
/** Two samples of a quarter of a second: long enough for what a system call sets off to be over. */
const COMPUTE = ['2', '100000000'];

/** Standard output of a command that must succeed. */
export async function outputOf(command: readonly string[]): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: ENVIRONMENT,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command.join(' ')}: status ${String(code)}`);
  return text;
}

/** The lines of a program that times itself, each divided by `divisor`; its start is no part of them. */
async function timesOf(command: readonly string[], divisor: number): Promise<number[]> {
  const lines = (await outputOf(command)).trim().split('\n');
  return lines.map((line) => Number(line) / divisor);
}

const getpid = (): Promise<number[]> =>
  timesOf([guest('getpid_loop'), `${GETPID_SAMPLES}`, `${GETPID_BATCH}`], GETPID_BATCH);

async function wholeRun(command: readonly string[]): Promise<number[]> {
  const start = performance.now();
  await outputOf(command);
  return [performance.now() - start];
}

const row = (name: string, unit: string, sample: () => Promise<number[]>): Row => ({
  name,
  needsKvm: name.endsWith('.guest') || name === 'start.run',
  open: () => ({ name, unit, sample }),
});

export const nativeGetpid = row('native.getpid', 'ns', getpid);

export const cpuRows: readonly Row[] = [
  row('cpu.native', 'ms', () => timesOf([guest('compute'), ...COMPUTE], 1e6)),
  row('cpu.guest', 'ms', () => timesOf(ringfence([guest('compute'), ...COMPUTE]), 1e6)),
];

export const startRows: readonly Row[] = [
  row('start.native', 'ms', () => wholeRun(['/bin/true'])),
  row('start.run', 'ms', () => wholeRun(ringfence(['/bin/true']))),
];

/** Rows that are whole programs: natively, and in a sandbox through the built command line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { guest } from '../test/guests/build.js';
import { ENVIRONMENT, ringfence } from '../test/real/outcome.js';
import type { Row } from './sampler.js';

const GETPID_SAMPLES = 50;
const GETPID_BATCH = 1000;
/** About a quarter of a second. */
const COMPUTE_ROUNDS = '100000000';

/** Standard output of a command that must succeed. */
async function outputOf(command: readonly string[]): Promise<string> {
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

async function getpid(): Promise<number[]> {
  const text = await outputOf([guest('getpid_loop'), `${GETPID_SAMPLES}`, `${GETPID_BATCH}`]);
  return text
    .trim()
    .split('\n')
    .map((line) => Number(line) / GETPID_BATCH);
}

/** The program times itself, so its start is no part of it. */
async function compute(command: readonly string[]): Promise<number[]> {
  return [Number(await outputOf(command)) / 1e6];
}

async function wholeRun(command: readonly string[]): Promise<number[]> {
  const start = performance.now();
  await outputOf(command);
  return [performance.now() - start];
}

const row = (name: string, unit: string, sample: () => Promise<number[]>): Row => ({
  name,
  needsKvm: name.endsWith('.guest'),
  open: () => ({ name, unit, sample }),
});

export const nativeGetpid = row('native.getpid', 'ns', getpid);

export const cpuRows: readonly Row[] = [
  row('cpu.native', 'ms', () => compute([guest('compute'), COMPUTE_ROUNDS])),
  row('cpu.guest', 'ms', () => compute(ringfence([guest('compute'), COMPUTE_ROUNDS]))),
];

export const startRows: readonly Row[] = [
  row('start.native', 'ms', () => wholeRun(['/bin/true'])),
  row('start.guest', 'ms', () => wholeRun(ringfence(['/bin/true']))),
];

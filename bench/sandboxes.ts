/** Sandboxes of one process: how soon one runs a program, and what one that does nothing holds. */
import { Sandbox } from '../src/sandbox.js';
import { guest } from '../test/guests/build.js';
import { outputOf } from './programs.js';
import type { Row } from './sampler.js';

const START_SAMPLES = 5;

/** From nothing to the end of a program of one system call: its first instruction lies before that. */
async function startSandbox(program: string): Promise<number> {
  const begin = performance.now();
  const sandbox = await Sandbox.create({ platform: 'kvm' });
  try {
    const { ended } = await sandbox.start(program);
    await ended;
    return performance.now() - begin;
  } finally {
    await sandbox.dispose();
  }
}

async function startSandboxes(): Promise<number[]> {
  const times: number[] = [];
  const program = guest('exit_code');
  for (let i = 0; i < START_SAMPLES; i++) times.push(await startSandbox(program));
  return times;
}

/** A process of its own: what this one has freed would be used again, and not be counted. */
async function idleSandboxes(): Promise<number[]> {
  const script = new URL('idle-sandboxes.ts', import.meta.url).pathname;
  const node = [process.execPath, '--expose-gc', '--import', import.meta.resolve('tsx')];
  return [Number(await outputOf([...node, script]))];
}

export const startSandboxRow: Row = {
  name: 'start.sandbox',
  needsKvm: true,
  open: () => ({ name: 'start.sandbox', unit: 'ms', sample: startSandboxes }),
};

export const memorySandboxRow: Row = {
  name: 'memory.sandbox',
  needsKvm: true,
  open: () => ({ name: 'memory.sandbox', unit: 'MiB', sample: idleSandboxes }),
};

/** What a sandbox costs by itself: how soon one runs a program, and what one that does nothing holds. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { Sandbox } from '../src/sandbox.js';
import { guest } from '../test/guests/build.js';
import { ENVIRONMENT } from '../test/real/outcome.js';
import { count, type Effort } from './effort.js';
import type { Group, Row, Unit } from './sampler.js';
import { commandOf, needsOf, SANDBOX_WAYS, sandboxOptions, WAYS, type SandboxWay } from './ways.js';

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

async function wholeRun(command: readonly string[]): Promise<number[]> {
  const start = performance.now();
  await outputOf(command);
  return [performance.now() - start];
}

/** From nothing to the end of a program of one system call: its first instruction lies before that. */
async function startSandbox(way: SandboxWay, program: string): Promise<number> {
  const begin = performance.now();
  const sandbox = await Sandbox.create(sandboxOptions(way));
  try {
    const { ended } = await sandbox.start(program);
    await ended;
    return performance.now() - begin;
  } finally {
    await sandbox.dispose();
  }
}

async function startSandboxes(way: SandboxWay, samples: number): Promise<number[]> {
  const times: number[] = [];
  const program = guest('exit_code');
  for (let i = 0; i < samples; i++) times.push(await startSandbox(way, program));
  return times;
}

/** A process of its own: what this one has freed would be used again, and not be counted. */
async function idleSandboxes(way: SandboxWay, number: number): Promise<number[]> {
  const script = new URL('idle-sandboxes.ts', import.meta.url).pathname;
  const node = [process.execPath, '--expose-gc', '--import', import.meta.resolve('tsx')];
  return [Number(await outputOf([...node, script, way, `${number}`]))];
}

const rows = (
  name: string,
  unit: Unit,
  sample: (way: SandboxWay) => Promise<number[]>,
): readonly Row[] =>
  SANDBOX_WAYS.map((way) => ({
    name: `${name}.${way}`,
    unit,
    needs: ['gcc', ...needsOf(way)],
    open: () => ({ sample: () => sample(way) }),
  }));

export const sandboxGroups = (effort: Effort): readonly Group[] => [
  {
    name: 'start.run',
    rounds: count(effort, 20, 1),
    rows: WAYS.map((way) => ({
      name: `start.run.${way}`,
      unit: 'ms',
      needs: needsOf(way),
      open: () => ({ sample: () => wholeRun(commandOf(way, ['/bin/true'])) }),
    })),
  },
  {
    name: 'start.sandbox',
    rounds: count(effort, 20, 1),
    rows: rows('start.sandbox', 'ms', (way) => startSandboxes(way, count(effort, 5, 1))),
  },
  {
    name: 'memory.sandbox',
    rounds: count(effort, 3, 1),
    rows: rows('memory.sandbox', 'MiB', (way) => idleSandboxes(way, count(effort, 20, 1))),
  },
];

/** How late the timers of a process are while a compiler runs beside it, or in a sandbox of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Sandbox } from '../src/sandbox.js';
import { ENVIRONMENT } from '../test/real/outcome.js';
import { count, type Effort } from './effort.js';
import type { Group, Row, Sampler } from './sampler.js';
import { needsOf, sandboxOptions, WAYS, type Way } from './ways.js';

const SOURCE = fileURLToPath(new URL('workloads/inputs/hello.c', import.meta.url));
/** Milliseconds. */
const PERIOD = 1;
const PERCENTILE = 0.99;

/** How late a timer that is set again and again fires until `work` is done: the 99th percentile. */
async function lateness(work: () => Promise<void>): Promise<number> {
  const late: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  const set = (): void => {
    const due = performance.now() + PERIOD;
    timer = setTimeout(() => {
      late.push(performance.now() - due);
      set();
    }, PERIOD);
  };
  set();
  try {
    await work();
  } finally {
    clearTimeout(timer);
  }
  late.sort((a, b) => a - b);
  return late[Math.floor(late.length * PERCENTILE)] ?? 0;
}

/** Compiles once: natively as a child process. */
function openNative(output: string): { compile: () => Promise<void>; close: () => Promise<void> } {
  const compile = async (): Promise<void> => {
    const child = spawn('gcc', ['-o', output, SOURCE], { env: ENVIRONMENT, stdio: 'ignore' });
    check(await once(child, 'close'));
  };
  return { compile, close: () => Promise.resolve() };
}

async function openSandbox(
  way: Exclude<Way, 'native'>,
  output: string,
): Promise<ReturnType<typeof openNative>> {
  const sandbox = await Sandbox.create(sandboxOptions(way));
  const compile = async (): Promise<void> => {
    const child = sandbox.spawn('gcc', ['-o', output, SOURCE], { stdio: 'ignore' });
    check(await once(child, 'close'));
  };
  return { compile, close: () => sandbox.dispose() };
}

function check([code]: unknown[]): void {
  if (code !== 0) throw new Error(`gcc: status ${String(code)}`);
}

async function open(way: Way, compilations: number): Promise<Sampler> {
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-bench-'));
  const output = join(folder, 'hello');
  const { compile, close } = way === 'native' ? openNative(output) : await openSandbox(way, output);
  return {
    sample: async () => [
      await lateness(async () => {
        for (let n = 0; n < compilations; n++) await compile();
      }),
    ],
    close: async () => {
      await close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Enough of them that a percentile says something. */
const COMPILATIONS = 3;

export const timerGroup = (effort: Effort): Group => ({
  name: 'timer',
  rounds: count(effort, 10, 1),
  rows: WAYS.map((way): Row => ({
    name: `timer.${way}`,
    unit: 'ms',
    needs: ['gcc', ...needsOf(way)],
    open: () => open(way, count(effort, COMPILATIONS, 1)),
  })),
});

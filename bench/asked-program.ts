/** C programs of the benchmarks: compiled when a source is newer, kept running and asked for samples (samples.h). */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from '../test/guests/build.js';
import { ENVIRONMENT } from '../test/real/outcome.js';
import type { Sampler, Unit } from './sampler.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Files of a folder of the repository, by their extension. */
export const files = (folder: string, extension: string): readonly string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

const FLAGS = ['-O2', '-D_GNU_SOURCE', '-I', ROOT, '-pthread'];

/** Path of the program that `sources`, paths in the repository, make. */
export function compile(name: string, sources: readonly string[]): string {
  const binary = join(cacheFolder('bench'), name);
  const headers = ['native', 'ring0', 'bench', 'bench/workloads'].flatMap((folder) =>
    files(folder, '.h'),
  );
  const times = [...sources, ...headers].map((file) => statSync(join(ROOT, file)).mtimeMs);
  if (!existsSync(binary) || statSync(binary).mtimeMs < Math.max(...times)) {
    const unfinished = `${binary}.${process.pid}`;
    execFileSync('gcc', [...FLAGS, '-o', unfinished, ...sources, '-lstdc++'], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    renameSync(unfinished, binary);
  }
  return binary;
}

const NANOSECONDS: Readonly<Record<Unit, number>> = { ns: 1, µs: 1e3, ms: 1e6, MiB: NaN };

export interface Asked {
  readonly command: readonly string[];
  readonly unit: Unit;
  /** At a time. */
  readonly samples: number;
  /** Repetitions that a sample is the mean of. */
  readonly batch: number;
  /** Things done in a repetition, where the row is about one of them. */
  readonly things?: number;
}

/** Starts a program that is asked for samples. */
export function ask({ command, unit, samples, batch, things = 1 }: Asked): Sampler {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: ENVIRONMENT,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  closed.catch(() => undefined); // where it cannot be started: its output ends, which is noticed
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const divisor = NANOSECONDS[unit] * batch * things;
  return {
    async sample() {
      child.stdin.write(`${samples} ${batch}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`${command.join(' ')} has ended`);
      return line.value
        .trim()
        .split(' ')
        .map((time) => Number(time) / divisor);
    },
    async close() {
      child.stdin.end();
      await closed;
    },
  };
}

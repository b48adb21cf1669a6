/** The row `kvm.raw`: kvm_raw.c, compiled when a source is newer, kept running and asked for samples. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from '../../test/guests/build.js';
import type { Row, Sampler } from '../sampler.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files of a folder of the repository, by their extension. */
const files = (folder: string, extension: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

/** The benchmark, and the parts of the product that make the machine and run it once. */
const sources = (): string[] => [
  'bench/raw/kvm_raw.c',
  ...files('native', '.c'),
  ...files('ring0', '.S'),
];

function newestSource(): number {
  const all = [...sources(), ...files('native', '.h'), ...files('ring0', '.h')];
  return Math.max(...all.map((name) => statSync(join(ROOT, name)).mtimeMs));
}

function build(): string {
  const binary = join(cacheFolder('bench'), 'kvm_raw');
  if (!existsSync(binary) || statSync(binary).mtimeMs < newestSource()) {
    execFileSync(
      'gcc',
      ['-O2', '-std=gnu11', '-D_GNU_SOURCE', '-I', ROOT, '-pthread', '-o', binary, ...sources()],
      { cwd: ROOT, stdio: 'inherit' },
    );
  }
  return binary;
}

function open(samples: number, batch: number): Sampler {
  const child = spawn(build(), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name: 'kvm.raw',
    unit: 'µs',
    async sample() {
      child.stdin.write(`${samples} ${batch}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error('kvm_raw has ended');
      return line.value
        .trim()
        .split(' ')
        .map((time) => Number(time) / batch / 1000);
    },
    close() {
      child.stdin.end();
    },
  };
}

/** `samples` at a time, each the mean of `batch` switches. */
export const kvmRaw = (samples: number, batch: number): Row => ({
  name: 'kvm.raw',
  needsKvm: true,
  open: () => open(samples, batch),
});

import { expect, it } from 'vitest';

import { describeKvm } from '../kvm.js';
import { ROOT, run } from './outcome.js';

interface Report {
  readonly host: { readonly class: string; readonly cpu: string; readonly kernel: string };
  readonly results: readonly {
    readonly name: string;
    readonly unit: string;
    readonly p10: number;
    readonly p50: number;
    readonly p90: number;
    readonly n: number;
  }[];
}

const ROWS = [
  'native.getpid',
  'kvm.raw',
  'kvm.switchSync',
  'kvm.switch',
  'kvm.raw.exitless',
  'kvm.raw.exitless.syscall',
  'kvm.exitless',
  'kvm.exitless.syscall',
  'kvm.exitless.switch',
  'ptrace.raw.one-core',
  'ptrace.raw.two-cores',
  'ptrace.switch',
  'ptrace.switch.async',
  'map.4k',
  'map.2m',
  'map.1g',
  'unmap.4k',
  'fault',
  'copyin.4k',
  'context.change',
  'cpu.native',
  'cpu.guest',
  'start.native',
  'start.run',
  'start.sandbox',
  'memory.sandbox',
];

const bench = (...args: readonly string[]): ReturnType<typeof run> =>
  run([process.execPath, '--import', 'tsx', 'bench/main.ts', ...args], { cwd: ROOT });

describeKvm('the benchmarks', () => {
  it('print every row, and the host beside them', async () => {
    const { stdout, stderr, status } = await bench('--json');
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    const { host, results } = JSON.parse(stdout.toString()) as Report;
    expect(host.class).toMatch(/^(hardware|deprivileged)$/);
    expect(host.cpu).not.toBe('');
    expect(host.kernel).not.toBe('');
    expect(results.map(({ name }) => name)).toEqual(ROWS);
    for (const { name, p10, p50, p90, n } of results) {
      // Part of it is what the whole host has more than before, and each sample is of a process with many sandboxes.
      const ofMemory = name === 'memory.sandbox';
      if (!ofMemory) expect(p10).toBeGreaterThan(0);
      expect(n).toBeGreaterThanOrEqual(ofMemory ? 3 : 10);
      expect(p50).toBeGreaterThanOrEqual(p10);
      expect(p90).toBeGreaterThanOrEqual(p50);
    }
  }, 300_000);

  it('print a table of the rows asked for', async () => {
    const { stdout, status } = await bench('native.');
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(/native\.getpid .* ns /);
    expect(stdout.toString()).not.toMatch(/kvm\.|cpu\./);
  });
});

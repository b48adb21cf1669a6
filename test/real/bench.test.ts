import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Report } from '../../bench/report.js';
import { describeKvm } from '../kvm.js';
import { ROOT, run, type Outcome } from './outcome.js';

const perWay = (ways: readonly string[], workloads: readonly string[]): readonly string[] =>
  workloads.flatMap((workload) => ways.map((way) => `${workload}.${way}`));

const SANDBOX_WAYS = ['ptrace', 'kvm', 'kvm-exitless'];
const WAYS = ['native', ...SANDBOX_WAYS];

const ROWS = [
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
  'seccomp.raw.notify',
  'seccomp.raw.sigsys',
  ...perWay(WAYS, ['getpid', 'clock_gettime', 'read.1', 'write.1', 'open+close', 'stat']),
  ...perWay(WAYS, ['pipe.pingpong', 'futex.pingpong', 'fault.touch', 'touch.1g', 'mmap+munmap']),
  ...perWay(WAYS, ['fork+exit+wait', 'exec.true', 'matrix', 'sha256sum', 'find', 'python3']),
  ...perWay(WAYS, ['gcc', 'sqlite3', 'redis.set', 'redis.get', 'start.run']),
  ...perWay(SANDBOX_WAYS, ['start.sandbox', 'memory.sandbox']),
  ...perWay(WAYS, ['timer']),
  'map.4k',
  'map.2m',
  'map.1g',
  'unmap.4k',
  'fault',
  'copyin.4k',
  'context.change',
];

const bench = (...args: readonly string[]): Promise<Outcome> =>
  run([process.execPath, '--import', 'tsx', 'bench/main.ts', ...args], { cwd: ROOT });

/** The `id` of each group of elements of an XML file, by a parser that refuses what is not well-formed. */
const IDS = `
import sys, xml.etree.ElementTree as tree
for element in tree.parse(sys.argv[1]).iter('{http://www.w3.org/2000/svg}g'):
    rectangle = element.find('{http://www.w3.org/2000/svg}rect')
    assert float(rectangle.get('width')) >= 1, element.get('id')
    print(element.get('id'))
`;

async function drawnRows(path: string): Promise<readonly string[]> {
  const { stdout, stderr, status } = await run(['python3', '-c', IDS, path]);
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  return stdout.toString().trim().split('\n');
}

describeKvm('the benchmarks', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('measure every row, and print and draw what they found', async () => {
    const svg = join(folder, 'all.svg');
    const { stdout, stderr, status } = await bench('--quick', '--json', '--svg', svg);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    const { host, quick, results, leftOut, failed } = JSON.parse(stdout.toString()) as Report;
    expect(host.class).toMatch(/^(hardware|deprivileged)$/);
    expect(host.cpu).not.toBe('');
    expect(host.kernel).not.toBe('');
    expect(quick).toBe(true);
    expect(failed).toEqual([]);
    for (const { reason } of leftOut) expect(reason).toMatch(/ is not installed$/);
    const missing = new Set(leftOut.map(({ name }) => name));
    const names = ROWS.filter((name) => !missing.has(name));
    expect(results.map(({ name }) => name)).toEqual(names);
    for (const { name, p10, p50, p90, n } of results) {
      // Part of it is what the whole host has more than before.
      if (!name.startsWith('memory.sandbox.')) expect(p10, name).toBeGreaterThan(0);
      expect(p50, name).toBeGreaterThanOrEqual(p10);
      expect(p90, name).toBeGreaterThanOrEqual(p50);
      expect(n, name).toBeGreaterThanOrEqual(1);
    }
    expect(await drawnRows(svg)).toEqual(names);
  }, 300_000);

  it('print a table of the rows asked for, and whether they meet their bars', async () => {
    const { stdout, status } = await bench('--quick', 'clock_gettime', 'seccomp.raw.sigsys');
    expect(status).toBe(0);
    const text = stdout.toString();
    expect(text).toMatch(/^host: (hardware|deprivileged), .*\nquick: /);
    expect(text).toMatch(/clock_gettime, ns │ +\d.* │ +\d.* │ +\d.* │ +\d.* │/);
    expect(text).toMatch(/seccomp\.raw\.sigsys │ µs +│ +\d/);
    expect(text).toMatch(
      /clock_gettime\.kvm \/ clock_gettime\.native │ +1\.2 × │ .* (met|missed) +│/,
    );
    expect(text).not.toMatch(/kvm\.raw|getpid/);
  });

  it('refuse names that no row begins with', async () => {
    const { stderr, status } = await bench('nothing');
    expect(status).toBe(1);
    expect(stderr.toString()).toContain('--list');
  });
});

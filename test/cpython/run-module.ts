/** Runs a module of CPython's own tests, natively or in a sandbox, and keeps how each of its cases ends. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { slowdown } from '../patience.js';
import { ringfence, run } from '../real/outcome.js';
import type { PlatformName } from '../real/platforms.js';

const INTERPRETER = '/usr/bin/python3.11';
const TESTS = '/usr/lib/python3.11/test';
const PACKAGES = 'libpython3.11-testsuite python3.11';
const SUPERVISOR = fileURLToPath(new URL('supervise.py', import.meta.url));
/** For one module, and for one case; the longest take two minutes and half a minute. */
const SECONDS = 900 * slowdown;
const SECONDS_OF_CASE = 300 * slowdown;
/** As in a sandbox; some cases do as many steps as there may be descriptors. */
const LIMITED = ['/bin/sh', '-c', 'ulimit -n 1024; exec "$@"', 'sh'];
/** Hang natively, too, where the host of a virtual machine answers nobody. */
const LEFT_OUT = ['--leave-out', 'VSOCK'];

export type Side = 'native' | PlatformName;

export interface CaseOutcome {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'passed unexpectedly';
  /** Why it failed or was skipped. */
  readonly reason: string;
  readonly seconds: number;
}

export type Outcomes = ReadonlyMap<string, CaseOutcome>;

/** What must be installed first, or undefined where all is there. */
export function cpythonLack(): string | undefined {
  const missing = [INTERPRETER, join(TESTS, 'test_os.py')].some((path) => !existsSync(path));
  return missing ? `not installed: ${PACKAGES}` : undefined;
}

function commandFor(side: Side, folder: string, command: readonly string[]): readonly string[] {
  if (side === 'native') return [...LIMITED, ...command];
  const options = ['--platform', side, '--cwd', '/tmp', '--bind', `${folder}:${folder}`];
  return ringfence(command, options);
}

/** The last line says that all cases have been run. */
function readReport(path: string): CaseOutcome[] | undefined {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (!text.endsWith('{"end": true}\n')) return undefined;
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as CaseOutcome).filter((line) => 'outcome' in line);
}

/** Runs the cases of `module` that are named, or else all of them. */
export async function runModule(
  module: string,
  side: Side,
  cases: readonly string[] = [],
): Promise<Outcomes> {
  const folder = mkdtempSync('/tmp/ringfence-cpython-');
  try {
    const report = join(folder, 'report');
    const supervisor = [INTERPRETER, SUPERVISOR, String(SECONDS_OF_CASE), ...LEFT_OUT];
    const command = commandFor(side, folder, [...supervisor, report, module, ...cases]);
    const limit = ['timeout', '-k', '5', String(SECONDS)];
    const { status, stderr } = await run([...limit, ...command], { cwd: '/tmp' });
    const found = readReport(report);
    if (found !== undefined) return new Map(found.map((one) => [one.name, one]));
    const tail = stderr.toString().slice(-2000);
    throw new Error(`${module}, ${side}: no end after ${status}, behind this:\n${tail}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

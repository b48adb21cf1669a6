/**
 * `npm run test:cpython [-- [--platform NAME] [MODULE…]]`: CPython's own tests, natively and in a sandbox on each
 * platform. A case that ends otherwise inside, and is not in the table of docs/cpython.md, fails the run.
 */
import { parseArgs } from 'node:util';

import { haveKvm } from '../kvm.js';
import type { PlatformName } from '../real/platforms.js';
import { compare, type Comparison } from './compare.js';
import { cpythonLack, runModule, type Outcomes, type Side } from './run-module.js';

/** The longest first: what is left at the end is short. */
const MODULES = [
  'test_asyncio',
  'test_signal',
  'test_socket',
  'test_subprocess',
  'test_threading',
  'test_os',
  'test_posix',
  'test_select',
  'test_mmap',
] as const;

/** Most of their time the tests wait: for timers, or for one another. */
const AT_A_TIME = 3;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function summary(outcomes: Outcomes): string {
  const counts = new Map<string, number>();
  for (const { outcome } of outcomes.values()) {
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
}

async function timed(module: string, side: Side): Promise<Outcomes> {
  const began = performance.now();
  const outcomes = await runModule(module, side);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  say(`${module}, ${side}: ${summary(outcomes)}, in ${seconds} s`);
  return outcomes;
}

/** Does the jobs, a few at a time; none is begun after one has failed. */
async function doAll(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = jobs.values();
  const worker = async (): Promise<void> => {
    for (const job of queue) await job();
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

function report(title: string, { news, passing }: Comparison): void {
  for (const line of passing) say(`${title}: once, and not when run again: ${line}`);
  for (const line of news) say(`${title}: ${line}`);
}

const { values, positionals } = parseArgs({
  options: { platform: { type: 'string' } },
  allowPositionals: true,
});
const lacking = cpythonLack();
if (lacking !== undefined) throw new Error(lacking);
const available: readonly PlatformName[] = haveKvm ? ['kvm', 'ptrace'] : ['ptrace'];
const platforms = available.filter((name) => (values.platform ?? name) === name);
const modules = MODULES.filter((name) => positionals.length === 0 || positionals.includes(name));

/** Native outcomes by module: each platform is held against the same ones. */
const natively = new Map<string, Promise<Outcomes>>();
let news = 0;
const comparison = (module: string, platform: PlatformName) => async (): Promise<void> => {
  const native = natively.get(module) ?? timed(module, 'native');
  natively.set(module, native);
  const guest = await timed(module, platform);
  const found = await compare(module, platform, await native, guest);
  report(`${module}, ${platform}`, found);
  news += found.news.length;
};
await doAll(modules.flatMap((module) => platforms.map((name) => comparison(module, name))));
const ran = modules.length * platforms.length;
say(`${ran} modules on ${platforms.join(' and ')}: ${news} differences that no row explains`);
process.exitCode = news === 0 && ran > 0 ? 0 : 1;

/**
 * `npm run test:mutants [-- [--list] [PART OF A NAME…]]`: puts each defect into a copy of the tree and runs the tests
 * that must see it, here or in a lane. A defect that no test sees fails the run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';

import { selfTest } from '../../src/kvm/self-test.js';
import { MUTANTS, type Lane, type Mutant } from './mutants.js';
import { Tree, type Run } from './tree.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const SECONDS = { 'this host': 240, 'kvm-amd': 400, 'kvm-intel': 1200 } as const;
const VITEST = 'node_modules/vitest/vitest.mjs';
/**
 * A defect may hang a test: none takes two minutes without one. One file after the other, or what fails is not told: the
 * first failure ends the run.
 */
const OPTIONS = ['--bail=1', '--no-file-parallelism', '--retry=0', '--testTimeout=120000'];

function runTests(tree: Tree, lane: Lane, tests: readonly string[]): Run {
  const seconds = SECONDS[lane];
  if (lane === 'this host') {
    return tree.run(seconds, 'node', VITEST, 'run', ...OPTIONS, ...tests);
  }
  const command = `node ${VITEST} run ${[...OPTIONS, ...tests].join(' ')}`;
  const tsx = 'node_modules/tsx/dist/cli.mjs';
  return tree.run(seconds, 'node', tsx, `test/lanes/${lane}.ts`, '--', command);
}

/** What saw the defect, from the output of a run that failed. */
function catcher({ late, output }: Run): string {
  const test = /^ *FAIL +(.*)$/m.exec(output)?.[1];
  if (test !== undefined) return test;
  if (late) return 'the end of its time';
  if (/self-test(?! passed)/.test(output)) return 'the self-test';
  if (/Error: .*(exited|terminated)|Unhandled/.test(output)) return "the end of a test's process";
  return `the run: ${output.trim().split('\n').at(-1) ?? ''}`;
}

/** A run in which nothing is broken must pass, or a failure means nothing. */
function checkBaseline(tree: Tree, mutants: readonly Mutant[]): void {
  for (const lane of ['this host', 'kvm-amd', 'kvm-intel'] as const) {
    const tests = new Set(mutants.filter((one) => one.lane === lane).flatMap((one) => one.tests));
    if (tests.size === 0) continue;
    say(`mutants: the tests with nothing broken, ${lane}`);
    const { ok, output } = runTests(tree, lane, [...tests]);
    if (!ok) throw new Error(`the tests fail with nothing broken, ${lane}:\n${output}`);
  }
}

function judge(tree: Tree, mutant: Mutant): string | undefined {
  tree.breakBy(mutant);
  const run = runTests(tree, mutant.lane, mutant.tests);
  tree.mend();
  return run.ok ? undefined : catcher(run);
}

const { values, positionals } = parseArgs({
  options: { list: { type: 'boolean', default: false } },
  allowPositionals: true,
});

function chosen(): readonly Mutant[] {
  const here = selfTest().class;
  return MUTANTS.filter(
    ({ name, lane, hostClass = here }) =>
      (positionals.length === 0 || positionals.some((part) => name.includes(part))) &&
      (lane !== 'this host' || hostClass === here),
  );
}

function runAll(mutants: readonly Mutant[]): number {
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-mutants-'));
  const table = new Table({
    head: ['mutant', 'lane', 'caught by'],
    style: { head: [], border: [] },
  });
  let survivors = 0;
  try {
    const tree = new Tree(folder);
    checkBaseline(tree, mutants);
    for (const [index, mutant] of mutants.entries()) {
      const caught = judge(tree, mutant);
      if (caught === undefined) survivors++;
      table.push([mutant.name, mutant.lane, caught ?? 'SURVIVED']);
      const place = `${index + 1}/${mutants.length}, ${mutant.lane}`;
      say(`mutants: ${place}: ${mutant.name}: ${caught ?? 'SURVIVED'}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  say(table.toString());
  say(`${mutants.length - survivors} caught, ${survivors} survived`);
  return survivors === 0 ? 0 : 1;
}

const mutants = chosen();
if (values.list) for (const { lane, name } of mutants) say(`${lane}: ${name}`);
else process.exitCode = runAll(mutants);

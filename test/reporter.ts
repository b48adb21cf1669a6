/**
 * Vitest's own report, and after it a few plain lines: what was skipped and why, and the counts. A skipped KVM
 * test fails the run where /dev/kvm can be opened, so that no run is green with its heart left out.
 */
import type { TestCase, TestModule, TestRunEndReason } from 'vitest/node';
import { DefaultReporter } from 'vitest/node';
import { kvmLack } from './kvm.js';

interface Counts {
  passed: number;
  failed: number;
  /** A line of every test that failed, and of every one that passed only as it was tried again. */
  readonly named: string[];
  /** Number of skipped tests by kind and reason, a newline between the two. */
  readonly skipped: Map<string, number>;
  kvmSkipped: number;
  /** Tests of the contract that passed, by platform. */
  readonly contract: Map<string, number>;
}

function count(modules: readonly TestModule[]): Counts {
  const counts: Counts = {
    passed: 0,
    failed: 0,
    named: [],
    skipped: new Map(),
    kvmSkipped: 0,
    contract: new Map(),
  };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') countPass(counts, test);
      else if (state === 'failed') countFailure(counts, test);
      else countSkip(counts, test);
    }
  }
  return counts;
}

function nameOf(test: TestCase): string {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

function countFailure(counts: Counts, test: TestCase): void {
  counts.failed++;
  counts.named.push(`failed: ${nameOf(test)}`);
}

/** The contract's suites bear their platform's name: test/contract/platforms.ts. */
function countPass(counts: Counts, test: TestCase): void {
  counts.passed++;
  if (test.diagnostic()?.flaky === true)
    counts.named.push(`passed when tried again: ${nameOf(test)}`);
  const platform = /\[(kvm|kvm-exitless|ptrace)\] >/.exec(test.fullName)?.[1];
  if (platform === undefined) return;
  counts.contract.set(platform, (counts.contract.get(platform) ?? 0) + 1);
}

function countSkip(counts: Counts, test: TestCase): void {
  const { needs, lacking } = test.meta();
  const result = test.result();
  const note = result.state === 'skipped' ? result.note : undefined;
  const kind = needs === '/dev/kvm' ? 'KVM test' : 'test';
  const key = `${kind}\n${lacking ?? note ?? 'marked so'}`;
  counts.skipped.set(key, (counts.skipped.get(key) ?? 0) + 1);
  if (needs === '/dev/kvm') counts.kvmSkipped++;
}

/** Errors outside of any test: of a file that cannot be loaded, of a hook, unhandled ones. */
function countErrors(modules: readonly TestModule[], unhandled: number): number {
  let errors = unhandled;
  for (const module of modules) {
    errors += module.errors().length;
    for (const suite of module.children.allSuites()) errors += suite.errors().length;
  }
  return errors;
}

function plural(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** The run's last lines. */
function summary(counts: Counts, errors: number): string[] {
  const lines = [...counts.named];
  let skipped = 0;
  for (const [key, n] of counts.skipped) {
    const [kind = '', reason = ''] = key.split('\n');
    lines.push(`${plural(n, kind)} skipped: ${reason}`);
    skipped += n;
  }
  for (const [platform, n] of counts.contract) {
    lines.push(`${plural(n, 'test')} of the contract passed on ${platform}`);
  }
  if (errors > 0) lines.push(`${plural(errors, 'error')} outside of any test`);
  lines.push(`${counts.passed} passed, ${counts.failed} failed, ${skipped} skipped`);
  return lines;
}

export default class Reporter extends DefaultReporter {
  override onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: Parameters<DefaultReporter['onTestRunEnd']>[1],
    reason: TestRunEndReason,
  ): void {
    super.onTestRunEnd(modules, unhandled, reason);
    const counts = count(modules);
    // A name pattern leaves tests out on purpose.
    const whole = this.ctx.config.testNamePattern === undefined;
    if (whole && counts.kvmSkipped > 0 && kvmLack() === undefined) {
      this.ctx.logger.log('KVM tests were skipped although /dev/kvm can be opened: the run fails');
      process.exitCode = 1;
    }
    const errors = countErrors(modules, unhandled.length);
    for (const line of summary(counts, errors)) this.ctx.logger.log(line);
  }
}

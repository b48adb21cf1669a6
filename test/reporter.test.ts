/** The last of the known mistakes: 8. a run without /dev/kvm was green with every KVM test silently skipped. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cacheFolder } from './guests/build.js';
import { haveKvm } from './kvm.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const VITEST = join(HERE, '..', 'node_modules', 'vitest', 'vitest.mjs');

/** Runs a test file of its own under the reporter; gives the last lines and the status. */
function report(source: string): { lines: string[]; status: number | null } {
  const folder = mkdtempSync(join(cacheFolder('reporter'), 'run-'));
  try {
    mkdirSync(join(folder, 'test'));
    writeFileSync(
      join(folder, 'test', 'some.test.ts'),
      `import { describe, it } from 'vitest';\n${source}`,
    );
    const reporter = join(HERE, 'reporter.ts');
    const { stdout, status } = spawnSync(
      process.execPath,
      [VITEST, 'run', '--root', folder, '--reporter', reporter],
      { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
    );
    return { lines: stdout.trimEnd().split('\n'), status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const skippedKvm = (meta: string): string =>
  `describe.skip('of KVM', { meta: { needs: '/dev/kvm', ${meta} } }, () => { it('a', () => {}); });
   it('another', () => {});\n`;

describe('a run in which KVM tests were skipped', () => {
  it('names them and the reason at its end', () => {
    const { lines } = report(skippedKvm(`lacking: '/dev/kvm is not there'`));
    expect(lines).toContain('1 KVM test skipped: /dev/kvm is not there');
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 1 skipped');
  });

  it.skipIf(!haveKvm)('fails where the device can be opened', () => {
    const { lines, status } = report(skippedKvm(''));
    expect(lines).toContain(
      'KVM tests were skipped although /dev/kvm can be opened: the run fails',
    );
    expect(status).toBe(1);
  });
});

describe('the end of a run', () => {
  it('names what was skipped by a test itself, and counts the contract by platform', () => {
    const { lines, status } = report(
      `describe('x [kvm]', () => { it('a', () => {}); it('b', () => {}); });
       describe('x [ptrace]', () => { it('a', () => {}); it('b', (test) => { test.skip('no reason'); }); });`,
    );
    expect(lines.slice(-4)).toEqual([
      '1 test skipped: no reason',
      '2 tests of the contract passed on kvm',
      '1 test of the contract passed on ptrace',
      '3 passed, 0 failed, 1 skipped',
    ]);
    expect(status).toBe(0);
  });

  it('names what had to be tried again', () => {
    const { lines } = report(
      `let tries = 0;
       describe('a', () => { it('b', { retry: 1 }, () => { if (++tries < 2) throw new Error('on purpose'); }); });`,
    );
    expect(lines.slice(-2)).toEqual([
      'passed when tried again: test/some.test.ts > a > b',
      '1 passed, 0 failed, 0 skipped',
    ]);
  });

  it('counts what fails, in a test and outside of any', () => {
    const { lines, status } = report(
      `it('fails', () => { throw new Error('on purpose'); });
       setTimeout(() => { throw new Error('on purpose'); }, 0);
       it('waits', async () => { await new Promise((resolve) => setTimeout(resolve, 100)); });`,
    );
    expect(lines).toContain('failed: test/some.test.ts > fails');
    expect(lines).toContain('1 error outside of any test');
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 0 skipped');
    expect(status).toBe(1);
  });
});

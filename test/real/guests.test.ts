import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { cacheFolder, guest } from '../guests/build.js';
import { workload } from '../patience.js';
import { readable, run, runGuest, type Outcome } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSame, expectSameAsNative, expectSameAsShell } from './same.js';

/** An emulator is too slow for what goes by milliseconds; the lanes say that they leave it out. */
const inTime = process.env['RINGFENCE_EMULATOR'] === undefined;
const SCRIPTS = ['locks', 'nameless', 'pipes', 'watches', ...(inTime ? ['file_signals'] : [])];
const TIMED_PROGRAMS = inTime ? (['events'] as const) : [];

const crashes = (await run([guest('crash')])).stdout.toString().trim().split('\n');
const scratch = (name: string): string => join(cacheFolder('scratch'), name);

/** By ptrace the last page of user addresses is not the guest's: what it says of it is made what Linux says. */
function withoutLastPage(outcome: Outcome): Outcome {
  const text = outcome.stdout.toString('latin1');
  expect(text).toContain('last page fixed: 0\nlast page gone: -22\n');
  const stdout = text.replace(/(last page fixed: )0\n(last page gone: )-22\n/, '$11\n$20\n');
  return { ...outcome, stdout: Buffer.from(stdout, 'latin1') };
}

describePlatforms('guest programs', (platform) => {
  it.each(crashes)('crash by %s ends as a shell says it', async (name) => {
    await expectSameAsShell([guest('crash'), name]);
  });

  it.each(['0', '1', '127', '255', '256', '300'])('exit code %s', async (code) => {
    await expectSameAsNative([guest('exit_code'), code]);
  });

  it('registers, as CPUID describes them', async () => {
    expect((await runGuest([guest('registers'), '1000'])).status).toBe(0);
  });

  it('bases of FS and GS', async () => {
    expect((await expectSameAsNative([guest('segment_base')])).stdout.toString()).toBe('kept\n');
  });

  it('memory calls', async () => {
    const command = [guest('memory'), scratch('memory')];
    const native = await run(command);
    const outcome = await runGuest(command);
    expectSame(platform === 'kvm' ? outcome : withoutLastPage(outcome), native);
  });

  it.each(['1', '2', '3', '4'])('memory against a model, seed %s', async (seed) => {
    const native = await expectSameAsNative([guest('memory_model'), seed, `${workload(3000)}`]);
    expect(native.status).toBe(0);
  });

  it.each(SCRIPTS)('%s, as a script sees them', async (name) => {
    const script = fileURLToPath(new URL(`../guests/${name}.py`, import.meta.url));
    // In memory on both sides.
    await expectSameAsNative(['/usr/bin/python3', script, '/dev/shm', `${workload(9000)}`]);
  });

  it.each(TIMED_PROGRAMS)('%s: descriptors and sets of them', async (name) => {
    await expectSameAsNative([guest(name)]);
  });

  it('openat2: where a path may lead, and what is wrong with the arguments', async () => {
    await expectSameAsNative([guest('open_how')]);
  });

  it('CPUID says the same vendor', async () => {
    const vendor = (text: Buffer): string => text.toString('latin1').slice(0, 12);
    const guestOutcome = await runGuest([guest('cpuid')]);
    expect(guestOutcome.status).toBe(0);
    expect(vendor(guestOutcome.stdout)).toBe(vendor((await run([guest('cpuid')])).stdout));
  });

  it.each(['int80', 'sysenter', 'syscall32'])('%s harms nobody', async (way) => {
    const outcome = readable(await runGuest([guest('foreign_calls'), way]));
    expect([0, 132, 139]).toContain(outcome.status);
    expect(outcome.stderr).not.toMatch(/^ +at /m);
  });

  it('a program that times itself', async () => {
    const outcome = await runGuest([guest('compute'), '1', '1000000']);
    expect(outcome.status).toBe(0);
    expect(Number(outcome.stdout.toString())).toBeGreaterThan(0);
  });
});

/** Processes and threads do what they do on Linux. */
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';
import { readable, runGuest } from './outcome.js';
import { expectSameAsNative } from './same.js';

const PLATFORMS = ['kvm', 'ptrace'] as const;

describeKvm('tasks', () => {
  it.each(PLATFORMS)(
    'processes: fork, exec, wait, groups, orphans, shared words on %s',
    async (platform) => {
      await expectSameAsNative([guest('processes')], { run: ['--platform', platform] });
    },
  );

  it.each(PLATFORMS)('threads: locks, conditions, cancellation, ends on %s', async (platform) => {
    await expectSameAsNative([guest('threads')], { run: ['--platform', platform] });
  });

  it('counters of each CPU, by the area of the C library for restartable sequences', async () => {
    const outcome = await runGuest([guest('rseq_counters'), '8', '10000000']);
    expect(readable(outcome)).toEqual({ status: 0, stdout: '80000000 of 80000000\n', stderr: '' });
  });

  it.each(PLATFORMS)('timers on %s', async (platform) => {
    await expectSameAsNative([guest('timers')], { run: ['--platform', platform] });
  });
});

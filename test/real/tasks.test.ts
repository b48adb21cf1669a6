/** Processes and threads do what they do on Linux. */
import { it } from 'vitest';

import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';
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

  it.each(PLATFORMS)('timers on %s', async (platform) => {
    await expectSameAsNative([guest('timers')], { run: ['--platform', platform] });
  });
});

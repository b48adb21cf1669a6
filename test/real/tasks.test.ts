/** Processes and threads do what they do on Linux. */
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { readable, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSameAsNative } from './same.js';

describePlatforms('tasks', (platform) => {
  it('processes: fork, exec, wait, groups, orphans, shared words', async () => {
    await expectSameAsNative([guest('processes')]);
  });

  it('threads: locks, conditions, cancellation, ends', async () => {
    await expectSameAsNative([guest('threads')]);
  });

  it('edges: killed in vfork, stopped and killed, limits and signals on the way', async () => {
    await expectSameAsNative([guest('task_edges')]);
  });

  it('timers', async () => {
    await expectSameAsNative([guest('timers')]);
  });

  it('clocks that are read without a call', async () => {
    await expectSameAsNative([guest('clocks')]);
  });

  // By ptrace nothing tells who has run on a CPU meanwhile, and programs are told that there are no such areas.
  if (platform === 'kvm') {
    it('counters of each CPU, by restartable sequences', async () => {
      const outcome = await runGuest([guest('rseq_counters'), '8', '10000000']);
      const stdout = '80000000 of 80000000\n';
      expect(readable(outcome)).toEqual({ status: 0, stdout, stderr: '' });
    });
  }
});

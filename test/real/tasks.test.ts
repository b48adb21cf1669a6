/** Processes and threads do what they do on Linux. */
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { workload } from '../patience.js';
import { readable, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSameAsNative } from './same.js';

describePlatforms('tasks', (platform) => {
  it('processes: fork, exec, wait, groups, orphans, shared words', async () => {
    await expectSameAsNative([guest('processes')]);
  });

  it('threads: locks, conditions, cancellation, ends', async () => {
    await expectSameAsNative([guest('threads')], { run: ['--vcpus', '2'] });
  });

  it('edges: killed in vfork, stopped and killed, limits and signals on the way', async () => {
    await expectSameAsNative([guest('task_edges')]);
  });

  it('words that threads wait for: each operation, and what it refuses', async () => {
    await expectSameAsNative([guest('futex_calls')]);
  });

  it('signals with what comes along, and stacks that are disarmed', async () => {
    await expectSameAsNative([guest('signal_calls')]);
  });

  it('capabilities of a process that is not root', async () => {
    await expectSameAsNative([guest('capability_calls')]);
  });

  it('state of one thread or process: names, locks, queues, barriers', async () => {
    await expectSameAsNative([guest('task_state'), 'one', 'two']);
  });

  it('a signal in the middle of each call that waits', async () => {
    await expectSameAsNative([guest('interrupted')]);
  });

  it('calls about tasks: clone3, waitid, prctl, prlimit, users, sessions', async () => {
    await expectSameAsNative([guest('task_calls')]);
  });

  it('signals at random moments of fork and exec: none is lost', async () => {
    const outcome = await runGuest([guest('exec_signals'), String(workload(150)), '7']);
    expect(readable(outcome)).toMatchObject({ status: 0 });
  });

  it('memory that runs out: the largest process is killed, and no other', async () => {
    const outcome = await runGuest([guest('out_of_memory')], { run: ['--memory', '100m'] });
    const lines = readable(outcome).stdout.trim().split('\n');
    expect(lines).toEqual([
      'large: signal 9',
      'asking: status 0',
      'small is there: 1',
      'small: signal 15',
      'greedy: signal 9',
    ]);
  });

  it('shared memory by System V', async () => {
    await expectSameAsNative([guest('shared_segments')]);
  });

  it('semaphores and message queues by System V', async () => {
    await expectSameAsNative([guest('ipc_queues')]);
  });

  it('memory: advice, stacks that grow, places, who sees what', async () => {
    await expectSameAsNative([guest('memory_advice')]);
  });

  it('memory that is locked: by whom, how much, and what it keeps others from', async () => {
    await expectSameAsNative([guest('memory_locks')]);
  });

  it('pages that leave their place or their file, and what is in memory', async () => {
    await expectSameAsNative([guest('memory_moves')]);
  });

  it('calls that a locked-down container refuses', async () => {
    const lines = readable(await runGuest([guest('refused')]))
      .stdout.trim()
      .split('\n');
    const others = lines.filter((line) => !line.endsWith(' EPERM'));
    // What Linux may be built without.
    const missing = ['io_setup', 'modify_ldt', 'seccomp', 'landlock_create_ruleset'];
    missing.push('memfd_secret', 'uselib', 'create_module', 'nfsservctl');
    expect(lines.length).toBeGreaterThan(50);
    expect(others).toEqual(missing.map((name) => `${name} ENOSYS`));
  });

  it('timers', async () => {
    await expectSameAsNative([guest('timers')]);
  });

  it('every clock: sleeping and timers by it, interval timers, processors', async () => {
    await expectSameAsNative([guest('clock_calls')]);
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

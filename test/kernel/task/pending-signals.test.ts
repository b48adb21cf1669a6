import { expect, it } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { PendingSignals } from '../../../src/kernel/signal/pending-signals.js';
import { SignalSet } from '../../../src/kernel/signal/signal-set.js';

const RT = { signo: 40, code: -1 };

it('queues real-time signals of all tasks together no further than the memory of the host allows', () => {
  const memory = new KernelMemory(100_000);
  const queues = Array.from({ length: 100 }, () => new PendingSignals(memory));
  let queued = 0;
  for (const queue of queues) for (let count = 0; count < 100; count++) if (queue.add(RT)) queued++;
  expect(queued).toBeGreaterThan(100);
  expect(queued).toBeLessThan(1000);
  expect(queues[0]?.take(new SignalSet())).toEqual(RT);
  expect(queues[99]?.add(RT)).toBe(true);
  for (const queue of queues) queue.close();
  expect(memory.held).toBe(0);
  expect(queues[0]?.add(RT)).toBe(false);
});

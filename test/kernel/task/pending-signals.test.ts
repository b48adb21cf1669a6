import { expect, it } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { PendingSignals } from '../../../src/kernel/signal/pending-signals.js';
import { SignalSet } from '../../../src/kernel/signal/signal-set.js';

const RT = { signo: 40, code: -1 };

it('queues real-time signals of all tasks together no further than the memory of the host allows', () => {
  const memory = new KernelMemory(100_000);
  const queues = Array.from({ length: 100 }, () => new PendingSignals(memory, () => Infinity));
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

it('counts the expiries of a timer until its signal is taken', () => {
  const queue = new PendingSignals(new KernelMemory(100_000), () => Infinity);
  let overrun = 0;
  queue.add({ signo: 40, code: -2, timer: { id: 3, overrun, onTaken: () => overrun } });
  overrun = 9;
  expect(queue.take(new SignalSet())?.timer).toEqual({ id: 3, overrun: 9 });
});

it('lets the number of a signal from kill(2) through a full queue, and refuses others', () => {
  const queue = new PendingSignals(new KernelMemory(100_000), () => 2);
  expect([queue.add(RT), queue.add(RT), queue.add(RT)]).toEqual([true, true, false]);
  expect(queue.add({ signo: 41, code: 0, pid: 7 })).toBe(true);
  expect(queue.add({ signo: 42, code: -2, timer: { id: 1, overrun: 0 } })).toBe(true);
  const none = new SignalSet();
  const taken = Array.from({ length: 5 }, () => queue.take(none));
  expect(taken.map((info) => info?.signo)).toEqual([40, 40, 41, 42, undefined]);
  expect(taken[2]).toEqual({ signo: 41, code: 0 });
});

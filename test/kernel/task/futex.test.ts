import { expect, it } from 'vitest';
import { FutexTable } from '../../../src/kernel/task/futex.js';
import { waitInQueue } from '../../../src/kernel/task/futex-wait.js';
import { scripted } from './scripted.js';

const SIGUSR1 = 10;
const ANY = 0xffffffff;

it.each([Infinity, 60_000])(
  'loses no wake-up to a signal right behind it (%s ms)',
  async (timeout) => {
    const { task } = scripted(function* () {
      yield { call: 39, args: [] };
    });
    const queue = new FutexTable().queue(4096);
    const result = waitInQueue(task, queue, { bitset: ANY, timeout });
    expect(queue.wake(1, ANY)).toBe(1);
    task.sendSignal(SIGUSR1);
    expect(await result).toBe(0);
  },
);

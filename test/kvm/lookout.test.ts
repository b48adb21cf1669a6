/** An event loop that is kept awake for a moment. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { Lookout } from '../../src/kvm/lookout.js';

/** Long enough for a moment to be over. */
const PAST = 5;

it('finds what ends within the moment, in a turn of its own', async () => {
  let isThere = false;
  let found = 0;
  const lookout = new Lookout(
    () => {
      if (isThere) found++;
      return isThere;
    },
    () => !isThere,
  );
  for (let n = 1; n <= 100; n++) {
    isThere = false;
    lookout.start();
    expect(found).toBe(n - 1);
    isThere = true;
    await turn();
    await turn();
    expect(found).toBe(n);
  }
});

it('looks ever more seldom where it is in vain, and often again once it is not', async () => {
  let looks = 0;
  let isThere = false;
  const lookout = new Lookout(
    () => {
      looks++;
      return isThere;
    },
    () => !isThere,
  );
  const looked: number[] = [];
  const begin = async (n: number): Promise<void> => {
    const before = looks;
    lookout.start();
    while (lookout.isLooking) await turn();
    if (looks > before) looked.push(n);
  };
  for (let n = 0; n < 20; n++) await begin(n);
  expect(looked).toEqual([0, 2, 5, 10, 19]);
  isThere = true;
  for (let n = 20; n < 60; n++) await begin(n);
  expect(looked.slice(5)).toEqual(Array.from({ length: 24 }, (_, n) => 36 + n));
});

it('ends when it is over, and lets others have their turns meanwhile', async () => {
  let looks = 0;
  const lookout = new Lookout(
    () => {
      looks++;
      return false;
    },
    () => true,
  );
  let turns = 0;
  const other = setInterval(() => turns++, 1);
  lookout.start();
  while (lookout.isLooking) await turn();
  const after = looks;
  expect(after).toBeGreaterThan(0);
  await sleep(PAST);
  clearInterval(other);
  expect(looks).toBe(after);
  expect(turns).toBeGreaterThan(1);
});

it('goes on for what begins as something is found, and for what is under way still', async () => {
  // However slow the machine is.
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  let underWay = 2;
  let ends = 0;
  const lookout: Lookout = new Lookout(
    () => {
      if (ends === 0) return false;
      ends--;
      underWay--;
      if (underWay === 1) {
        underWay++;
        lookout.start();
      }
      return true;
    },
    () => underWay > 0,
  );
  lookout.start();
  ends = 1;
  await turn();
  await turn();
  expect([underWay, lookout.isLooking]).toEqual([2, true]);
  ends = 3;
  for (let n = 0; n < 10 && underWay > 0; n++) await turn();
  expect([underWay, lookout.isLooking]).toEqual([2, true]);
  underWay = 0;
  await turn();
  await turn();
  expect(lookout.isLooking).toBe(false);
  clock.mockRestore();
});

it('looks again behind an error', async () => {
  let looks = 0;
  const errors: unknown[] = [];
  const lookout = new Lookout(
    () => {
      if (looks++ === 0) throw new Error('once');
      return true;
    },
    () => false,
  );
  const onError = (error: unknown): void => void errors.push(error);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', onError);
  try {
    lookout.start();
    while (errors.length === 0) await turn();
  } finally {
    process.removeListener('uncaughtException', onError);
    for (const other of others) process.on('uncaughtException', other);
  }
  lookout.start();
  while (lookout.isLooking) await turn();
  expect(looks).toBe(2);
  expect(errors).toHaveLength(1);
});

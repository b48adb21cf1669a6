/** An event loop that is kept awake for a moment. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Lookout } from '../../src/kvm/lookout.js';

/** Long enough for a moment to be over. */
const PAST = 5;

it('finds what ends within the moment, in a turn of its own', async () => {
  let isThere = false;
  let found = 0;
  const lookout = new Lookout(() => {
    if (isThere) found++;
    return isThere;
  });
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
  const lookout = new Lookout(() => {
    looks++;
    return isThere;
  });
  const looked: number[] = [];
  const begin = async (n: number): Promise<void> => {
    const before = looks;
    lookout.start();
    await sleep(PAST);
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
  const lookout = new Lookout(() => {
    looks++;
    return false;
  });
  let turns = 0;
  const other = setInterval(() => turns++, 1);
  lookout.start();
  await sleep(PAST);
  const after = looks;
  expect(after).toBeGreaterThan(0);
  await sleep(PAST);
  clearInterval(other);
  expect(looks).toBe(after);
  expect(turns).toBeGreaterThan(1);
});

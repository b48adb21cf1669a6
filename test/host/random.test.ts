import { describe, expect, it } from 'vitest';
import { fillRandom, randomBytes, randomInt, randomUuid } from '../../src/host/random.js';

describe('random numbers', () => {
  it('fill all of a long view, and nothing beside it', () => {
    const bytes = new Uint8Array(100_002);
    fillRandom(bytes.subarray(1, -1));
    const zeros = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
    expect([bytes.at(0), bytes.at(-1)]).toEqual([0, 0]);
    // 392 are to be expected; this many more or fewer come once in 10^20 times.
    expect(zeros).toBeGreaterThan(200);
    expect(zeros).toBeLessThan(600);
  });

  it('are not the same twice', () => {
    expect(randomBytes(16)).not.toEqual(randomBytes(16));
    expect(randomUuid()).not.toBe(randomUuid());
  });

  it('reach every integer below their limit, and none beyond', () => {
    const found = new Set(Array.from({ length: 1000 }, () => randomInt(8)));
    expect([...found].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const large = Array.from({ length: 200 }, () => randomInt(2 ** 28));
    expect(Math.max(...large)).toBeLessThan(2 ** 28);
    expect(Math.max(...large)).toBeGreaterThan(2 ** 27);
    expect(large.every((value) => Number.isInteger(value) && value >= 0)).toBe(true);
  });

  it('make UUIDs of version 4', () => {
    expect(randomUuid()).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });
});

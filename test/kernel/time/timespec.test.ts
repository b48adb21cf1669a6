import { expect, test } from 'vitest';
import { putLong, readLong } from '../../../src/kernel/time/timespec.js';

test.each([0, 1, -1, 2 ** 32, -(2 ** 32) - 1, 2 ** 53 - 1, 2 ** 62, -(2 ** 63)])(
  '%s survives',
  (value) => {
    const bytes = Buffer.alloc(8);
    putLong(bytes, 0, value);
    expect(readLong(bytes, 0)).toBe(value);
  },
);

test('a time that is left of one without end is written, though rounding takes it beyond 2^63 - 1', () => {
  for (const value of [2 ** 63, 2 ** 70, Infinity]) {
    const bytes = Buffer.alloc(8);
    putLong(bytes, 0, value);
    expect(bytes.readBigInt64LE()).toBe(2n ** 63n - 1n);
  }
});

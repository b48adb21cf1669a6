import { readdirSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { closeLibc, getrlimit, haveMemfd, haveOpenat2, RLIMIT } from '../../src/host/libc.js';

afterAll(closeLibc);

it('reads resource limits', () => {
  const limit = getrlimit(RLIMIT.nofile);
  expect(limit?.soft).toBeGreaterThan(2);
  expect(limit?.hard).toBeGreaterThanOrEqual(limit?.soft ?? Infinity);
  expect(getrlimit(999)).toBeUndefined();
});

it('leaves no descriptor behind when it tries what the kernel offers', () => {
  haveMemfd();
  haveOpenat2();
  const before = readdirSync('/proc/self/fd').length;
  expect(haveMemfd()).toBe(true);
  haveOpenat2();
  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
});

/** The one question of these tests: does a command do in a sandbox what it does natively? */
import { expect } from 'vitest';

import { readable, run, runGuest, runInShell, type Options, type Outcome } from './outcome.js';

/** Same status, and the same bytes on both streams. */
export function expectSame(guest: Outcome, native: Outcome): void {
  expect(readable(guest)).toEqual(readable(native));
  // Longer than the readable part, or not text: compared whole.
  expect(guest.stdout.equals(native.stdout)).toBe(true);
  expect(guest.stderr.equals(native.stderr)).toBe(true);
}

/** Runs `command` both ways and compares; gives the native outcome for further checks. */
export async function expectSameAsNative(
  command: readonly string[],
  options: Options = {},
): Promise<Outcome> {
  const native = await run(command, options);
  expectSame(await runGuest(command, options), native);
  return native;
}

/** The same, with a shell around the native command: it says what signal ended it. */
export async function expectSameAsShell(
  command: readonly string[],
  options: Options = {},
): Promise<Outcome> {
  const native = await runInShell(command, options);
  expectSame(await runGuest(command, options), native);
  return native;
}

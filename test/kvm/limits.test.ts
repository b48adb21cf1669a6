/** What the host may refuse us: the limits of getrlimit(2), lowered for a moment. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

const SPIN = '1: jmp 1b';

/** Runs `act` with a soft limit of this process lowered; prlimit(1) has its name. */
async function withLimit(limit: string, value: number, act: () => Promise<void>): Promise<void> {
  const prlimit = (...args: string[]): string =>
    execFileSync('prlimit', ['--pid', String(process.pid), ...args]).toString();
  const before = prlimit(`--${limit}`, '--raw', '--noheadings', '--output=SOFT').trim();
  prlimit(`--${limit}=${value}:`);
  try {
    await act();
  } finally {
    prlimit(`--${limit}=${before}:`);
  }
}

describeKvm('where no signal can be queued', () => {
  it('a context can still be interrupted', async () => {
    using guest = new Guest(SPIN);
    const { context, space, registers } = guest;
    await withLimit('sigpending', 0, async () => {
      const pending = context.switch(space, registers, -1);
      setTimeout(() => {
        context.interrupt();
      }, 20);
      expect(await pending).toBe(SwitchResult.Interrupt);
      expect(context.switchSync(space, registers, -1, 1000)).toBe(SwitchResult.Interrupt);
    });
  });
});

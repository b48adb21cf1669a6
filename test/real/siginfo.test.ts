import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSameAsNative } from './same.js';

describePlatforms('a handler', () => {
  it('is told of every exception what Linux tells: siginfo, vector, error code, exact addresses', async () => {
    const native = await expectSameAsNative([guest('siginfo')]);
    expect(native.status).toBe(0);
    expect(native.stdout.toString()).toContain('addr 0xfffffffffffffff8');
  });
});

describePlatforms('a trace', () => {
  it('shows a fault at the end of the address space where it was', async () => {
    const { stderr } = await runGuest([guest('siginfo')], { run: ['--trace'] });
    expect(stderr.toString()).toContain('si_addr=0xfffffffffffffff8}');
  });
});

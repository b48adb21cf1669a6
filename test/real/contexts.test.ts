/** Contexts that share vCPUs keep their registers to themselves. */
import { expect, it } from 'vitest';

import { createKvmPlatform } from '../../src/kvm/platform.js';
import { BareGuest } from '../guests/bare-guest.js';
import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';
import { run } from './outcome.js';

const CALLS = '300';

describeKvm('several guests that check their registers', () => {
  const level = async (): Promise<string> =>
    /[xyz]mm/.exec((await run([guest('registers'), '1'])).stdout.toString())?.[0] ?? 'xmm';

  const makeGuests = async (
    platform: ReturnType<typeof createKvmPlatform>,
    count: number,
  ): Promise<BareGuest[]> => {
    const args = [CALLS, await level()];
    return Array.from(
      { length: count },
      // Different counts of calls, so that the guests do not keep in step.
      (_, i) =>
        new BareGuest(platform, guest('registers'), [`${Number(CALLS) + i}`, args[1] ?? '']),
    );
  };

  const finish = (guests: readonly BareGuest[]): void => {
    for (const one of guests) {
      expect({ status: one.status, output: one.output }).toMatchObject({
        status: 0,
        output: expect.stringMatching(/kept\n$/) as string,
      });
      one.dispose();
    }
  };

  it('in turn on one thread', async () => {
    const platform = createKvmPlatform();
    const guests = await makeGuests(platform, 5);
    while (guests.some(({ status }) => status === undefined)) {
      for (const one of guests) if (one.status === undefined) one.stepSync();
    }
    finish(guests);
    platform.dispose();
  });

  it('side by side on the vCPU threads', async () => {
    const platform = createKvmPlatform();
    const guests = await makeGuests(platform, 5);
    await Promise.all(
      guests.map(async (one) => {
        while (one.status === undefined) await one.step();
      }),
    );
    finish(guests);
    platform.dispose();
  });

  it('under a hail of interrupts', async () => {
    const platform = createKvmPlatform();
    const guests = await makeGuests(platform, 3);
    const hail = setInterval(() => {
      for (const one of guests) one.interrupt();
    }, 1);
    await Promise.all(
      guests.map(async (one) => {
        for (let i = 0; one.status === undefined; i++) {
          const step = one.step();
          if (i % 3 === 0) one.interrupt(); // on its way into the guest
          await step;
        }
      }),
    );
    clearInterval(hail);
    finish(guests);
    platform.dispose();
  });
});

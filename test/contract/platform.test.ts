import { expect, it } from 'vitest';
import { PAGE_SIZE } from '../../src/platform/file-range.js';
import { SwitchResult, type Platform } from '../../src/platform/contract.js';
import { Registers } from '../../src/platform/registers.js';
import { describePlatforms } from './platforms.js';

const CALLS = '1: syscall\n jmp 1b';
const CONTEXTS = 5;

function facts(platform: Platform): unknown {
  return {
    io: platform.supportsAddressSpaceIO,
    cooperative: platform.cooperativelySchedulesAddressSpace,
    preemption: platform.detectsCpuPreemption,
    counter: platform.hasHostCounter,
    unit: platform.mapUnit,
    min: platform.minUserAddress,
    max: platform.maxUserAddress,
    vcpus: platform.vcpus,
  };
}

describePlatforms('a platform', (platform) => {
  it('says the same of itself before and after it has worked', async () => {
    using guest = platform.guest(CALLS);
    const before = facts(guest.platform);
    for (let i = 0; i < CONTEXTS; i++) {
      const context = guest.platform.newContext();
      const registers = guest.start(new Registers());
      expect(await context.switch(guest.space, registers, -1)).toBe(SwitchResult.Syscall);
      context.dispose();
    }
    expect(facts(guest.platform)).toEqual(before);
  });

  it('maps by a unit of whole pages, in a range of whole pages', () => {
    using guest = platform.guest(CALLS);
    const { mapUnit, minUserAddress, maxUserAddress } = guest.platform;
    if (mapUnit !== 0) {
      const pages = mapUnit / PAGE_SIZE;
      expect(Number.isInteger(Math.log2(pages))).toBe(true);
    }
    expect(minUserAddress % PAGE_SIZE).toBe(0);
    expect(maxUserAddress % PAGE_SIZE).toBe(0);
    expect(minUserAddress).toBeLessThan(maxUserAddress);
  });

  it('detects preemption, or says that it does not and refuses to make one', async () => {
    using guest = platform.guest(CALLS);
    const made = guest.platform.preemptAllCpus();
    if (guest.platform.detectsCpuPreemption) await expect(made).resolves.toBeUndefined();
    else await expect(made).rejects.toThrow(/preemption/);
  });

  it('has as many CPUs as it was asked for, and numbers them from 0', async () => {
    using guest = platform.guest(CALLS, { vcpus: 2 });
    expect(guest.platform.vcpus).toBe(2);
    const contexts = Array.from({ length: CONTEXTS }, () => guest.platform.newContext());
    await Promise.all(
      contexts.map(async (context) => {
        const registers = guest.start(new Registers());
        expect(context.cpu).toBe(-1);
        await context.switch(guest.space, registers, -1);
        expect([0, 1]).toContain(context.cpu);
      }),
    );
    for (const context of contexts) context.dispose();
  });

  it.each([0, -1, 1.5, 100_000])('has no %s CPUs, and says how many there may be', (vcpus) => {
    expect(() => platform.create({ vcpus })).toThrow(/1 to \d+/);
  });
});

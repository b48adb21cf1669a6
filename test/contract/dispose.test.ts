import { readdirSync, readlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describePlatforms } from './platforms.js';

/** Descriptors of ours: KVM's and the memfds. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => /kvm|ringfence/.test(target));
}

describePlatforms('dispose', (platform) => {
  it('closes every descriptor at once, with no help of the garbage collector', async () => {
    const before = descriptors();
    const guest = platform.guest('1: syscall\n jmp 1b');
    guest.run();
    await guest.context.switch(guest.space, guest.registers, -1);
    expect(descriptors().length).toBeGreaterThan(before.length);
    guest.platform.dispose();
    expect(descriptors()).toEqual(before);
  });

  it('leaves contexts and address spaces that can still be disposed of, in any order', () => {
    const guest = platform.guest('1: syscall\n jmp 1b');
    guest.run();
    guest.platform.dispose();
    guest.context.interrupt();
    guest.context.dispose();
    guest.space.release();
    guest.platform.dispose();
    expect(() => guest.platform.newContext()).toThrow(/disposed/);
    expect(() => guest.platform.newAddressSpace()).toThrow(/disposed/);
  });
});

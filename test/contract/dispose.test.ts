import { readdirSync, readlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult, type Memory } from '../../src/platform/contract.js';
import { PlatformError } from '../../src/platform/errors.js';
import { Registers } from '../../src/platform/registers.js';
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

  it('of a platform that cannot be made leaves nothing open', () => {
    const before = descriptors();
    expect(() => platform.create({ vcpus: 1000 })).toThrow(/vCPUs/);
    expect(descriptors()).toEqual(before);
  });

  it('ends contexts that run, wait and were preempted, and whoever awaits them', async () => {
    for (let round = 0; round < 20; round++) {
      const guest = platform.guest('1: ud2\n jmp 1b', { vcpus: 1 });
      const switches = [1, 2, 3].map(() =>
        guest.platform
          .newContext()
          .switch(guest.newSpace('1: jmp 1b'), guest.start(new Registers()), -1),
      );
      const preempted = guest.platform.detectsCpuPreemption && guest.platform.preemptAllCpus();
      guest.platform.dispose();
      for (const result of await Promise.allSettled(switches))
        expect(result).toMatchObject({ status: 'rejected', reason: { name: 'PlatformError' } });
      await preempted;
    }
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

describePlatforms('an address space', (platform) => {
  it('is not released while a context runs in it, or waits to', async () => {
    using guest = platform.guest('1: jmp 1b', { vcpus: 1 });
    const running = guest.context.switch(guest.space, guest.registers, -1);
    const other = guest.newSpace('syscall');
    const context = guest.platform.newContext();
    const waiting = context.switch(other, guest.start(new Registers()), -1);
    for (const space of [guest.space, other]) {
      expect(() => {
        space.release();
      }).toThrow(/await their switches/);
    }
    guest.context.interrupt();
    expect(await running).toBe(SwitchResult.Interrupt);
    expect(await waiting).toBe(SwitchResult.Syscall);
    guest.space.release();
    other.release();
  });

  it('is refused by the contexts of another platform, disposed of or not', () => {
    using guest = platform.guest('syscall');
    using other = platform.guest('syscall');
    expect(() => other.context.switchSync(guest.space, guest.registers, -1)).toThrow(/another/);
    other.platform.dispose();
    expect(() => other.context.switchSync(guest.space, guest.registers, -1)).toThrow(/another/);
    expect(guest.run()).toBe(SwitchResult.Syscall);
  });

  it('maps nothing behind the end of the memory file', () => {
    using guest = platform.guest('syscall');
    const { fd } = guest.platform.memory as Memory & { fd: number };
    for (const start of [256, 1 << 20].map((mebibytes) => mebibytes * 1024 * 1024)) {
      expect(() => {
        const range = { start, end: start + 4096 };
        guest.space.mapFile(0x40000000, fd, range, Access.Read, false);
      }).toThrow(PlatformError);
    }
  });
});

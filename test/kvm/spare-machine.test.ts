/** A machine opened ahead, which the next platform takes. */
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { native } from '../../src/host/native.js';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { Register } from '../../src/platform/registers.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { describeKvm } from '../kvm.js';
import { Guest } from '../contract/guest.js';

const DEVICE = '/dev/kvm';
/** Descriptors of one: of the virtual machine and its first vCPU. */
const EACH = 2;

/** Virtual machines and vCPUs of this process. */
const machines = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('anon_inode:kvm-v');
    } catch {
      return false; // the directory's own, closed by now
    }
  }).length;

describeKvm('a spare machine', () => {
  it('runs guests as one does that is opened when it is wanted', async () => {
    const spare = new native.SpareMachine();
    try {
      const found: unknown[] = [];
      for (let round = 0; round < 5; round++) {
        using guest = new Guest(
          (options) => createKvmPlatform({ ...options, device: DEVICE, spare }),
          'mov $7, %eax; syscall',
        );
        expect(guest.run()).toBe(SwitchResult.Syscall);
        expect(guest.registers.getNumber(Register.Rax)).toBe(7);
        expect(await guest.context.switch(guest.space, guest.registers, -1)).toBeDefined();
        const { hostClass, maxUserAddress, hasHostCounter } = guest.platform;
        found.push({ hostClass, maxUserAddress, hasHostCounter });
      }
      using plain = new Guest(createKvmPlatform, 'syscall');
      const { hostClass, maxUserAddress, hasHostCounter } = plain.platform;
      expect(found).toEqual(new Array(5).fill({ hostClass, maxUserAddress, hasHostCounter }));
    } finally {
      spare.dispose();
    }
  });

  it('is one at most, and goes with its owner', async () => {
    const before = machines();
    const spare = new native.SpareMachine();
    spare.prepare(DEVICE);
    spare.prepare(DEVICE);
    while (machines() < before + EACH) await sleep(1);
    spare.prepare(DEVICE);
    const platform = createKvmPlatform({ device: DEVICE, spare });
    expect(machines()).toBe(before + EACH);
    const other = createKvmPlatform({ device: DEVICE, spare });
    expect(machines()).toBe(before + 2 * EACH);
    platform.dispose();
    other.dispose();
    spare.dispose();
    spare.dispose();
    expect(machines()).toBe(before);
  });

  it('makes room for one of another device', async () => {
    const before = machines();
    const spare = new native.SpareMachine();
    spare.prepare(DEVICE);
    spare.prepare('/dev/../dev/kvm');
    while (machines() < before + EACH) await sleep(1);
    const platform = createKvmPlatform({ device: '/dev/../dev/kvm', spare });
    expect(machines()).toBe(before + EACH);
    platform.dispose();
    spare.dispose();
    expect(machines()).toBe(before);
  });

  it('that cannot be opened is for the next to report', () => {
    const spare = new native.SpareMachine();
    spare.prepare('/dev/null');
    expect(() => createKvmPlatform({ device: '/dev/null', spare })).toThrow(/\/dev\/null cannot/);
    spare.prepare('/dev/null');
    createKvmPlatform({ device: DEVICE, spare }).dispose();
    spare.dispose();
  });
});

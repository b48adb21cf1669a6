import { expect, it } from 'vitest';

import { Access } from '../../src/platform/access.js';
import {
  MemoryKind,
  SwitchResult,
  type AddressSpace,
  type Context,
  type Platform,
} from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describePlatforms } from '../contract/platforms.js';
import { footprint } from '../footprint.js';

const MIB = 1 << 20;
const PAGE = 4096;
const CODE_ADDRESS = 0x10000;
/** syscall; jmp . - 2 */
const CODE = Uint8Array.from([0x0f, 0x05, 0xeb, 0xfc]);

async function addressSpace(platform: Platform): Promise<AddressSpace> {
  for (;;) {
    const made = platform.newAddressSpace();
    if (!(made instanceof Promise)) return made;
    await made;
  }
}

/** Makes them all, runs each, on the calling thread and on the platform's, and disposes of them all. */
async function churn(platform: Platform, spaces: number, contexts: number): Promise<void> {
  const { memory } = platform;
  const range = memory.allocate(PAGE, MemoryKind.Anonymous);
  memory.mapInternal(range, Access.Write)[0]?.set(CODE);
  const allSpaces: AddressSpace[] = [];
  for (let i = 0; i < spaces; i++) {
    const space = await addressSpace(platform);
    memory.mapInto(space, CODE_ADDRESS, range, Access.Read | Access.Execute, true);
    allSpaces.push(space);
  }
  const allContexts: Context[] = [];
  const registers = new Registers();
  for (let i = 0; i < contexts; i++) {
    const context = platform.newContext();
    allContexts.push(context);
    const space = allSpaces[i % spaces];
    if (space === undefined) throw new Error('no address space');
    registers.setNumber(Register.Rip, CODE_ADDRESS);
    expect(context.switchSync(space, registers, -1)).toBe(SwitchResult.Syscall);
    if (i % 10 === 0) {
      expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Syscall);
    }
  }
  for (const context of allContexts) context.dispose();
  for (const space of allSpaces) space.release();
  memory.decRef(range);
}

describePlatforms(
  '1,000 contexts and 200 address spaces, made and disposed',
  ({ name, create }) => {
    it('leave memory, descriptors and threads where they were', async () => {
      const platform = create({});
      // V8's heap takes a few rounds to find its size.
      for (let i = 0; i < 4; i++) await churn(platform, 200, 1000);
      const before = footprint();
      const allocated = platform.memory.allocated;
      for (let i = 0; i < 3; i++) await churn(platform, 200, 1000);
      const after = footprint();
      expect(after.descriptors).toBe(before.descriptors);
      expect(after.threads).toBe(before.threads);
      expect(after.children).toBe(before.children);
      expect(after.rss - before.rss).toBeLessThan(16 * MIB);
      expect(after.mappings - before.mappings).toBeLessThan(32);
      expect(platform.memory.allocated).toBe(allocated);
      platform.dispose();
    }, 120_000);

    it('a platform made and disposed leaves nothing', async () => {
      const once = async (): Promise<void> => {
        const platform = create({});
        await churn(platform, 2, 5);
        platform.dispose();
      };
      for (let i = 0; i < 3; i++) await once();
      const before = footprint();
      for (let i = 0; i < (name === 'kvm' ? 20 : 200); i++) await once();
      const after = footprint();
      expect(after.descriptors).toBe(before.descriptors);
      expect(after.threads).toBe(before.threads);
      expect(after.children).toBe(before.children);
      expect(after.rss - before.rss).toBeLessThan(16 * MIB);
      // malloc gives a thread that finds the others busy an arena of its own, up to 8 a processor, and keeps them.
      expect(after.mappings - before.mappings).toBeLessThan(name === 'kvm' ? 32 : 150);
    }, 120_000);
  },
);

import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult, type AddressSpace } from '../../src/platform/contract.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { Register } from '../../src/platform/registers.js';
import { CODE, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

const SIGSEGV = 11;
const MAPERR = 1;

function emptySpace(guest: Guest): AddressSpace {
  const space = guest.platform.newAddressSpace();
  if (space instanceof Promise) throw new Error('no address space at once');
  return space;
}

describePlatforms('an empty address space', (platform) => {
  it('faults at the first instruction, wherever that is', async () => {
    using guest = platform.guest('syscall');
    const space = emptySpace(guest);
    const { context, registers } = guest;
    for (const rip of [0, CODE, 0x7fff_0000_0000, guest.platform.maxUserAddress - 1]) {
      for (const asynchronous of [false, true]) {
        guest.start(registers, rip);
        const result = asynchronous
          ? await context.switch(space, registers, -1)
          : context.switchSync(space, registers, -1);
        expect(result).toBe(SwitchResult.Signal);
        expect(guest.fault()).toEqual({
          signo: SIGSEGV,
          code: MAPERR,
          address: rip,
          access: Access.Execute,
        });
        expect(registers.getNumber(Register.Rip)).toBe(rip);
      }
    }
  });

  it('is interrupted like any other', () => {
    using guest = platform.guest('syscall');
    const space = emptySpace(guest);
    guest.context.interrupt();
    const { context, registers } = guest;
    expect(context.switchSync(space, registers, -1)).toBe(SwitchResult.Interrupt);
    expect(context.switchSync(space, registers, -1)).toBe(SwitchResult.Signal);
  });

  it('gives nothing to copies, and takes an unmap of all of it', () => {
    using guest = platform.guest('syscall');
    const space = emptySpace(guest);
    const { minUserAddress, maxUserAddress } = guest.platform;
    space.unmap(minUserAddress, maxUserAddress - minUserAddress);
    for (const address of [0, minUserAddress, CODE, maxUserAddress - 8]) {
      expect(space.tryCopyIn(address, new Uint8Array(8))).toBe(0);
      expect(space.tryCopyOut(address, new Uint8Array(8))).toBe(0);
      for (const io of [
        () => {
          space.zeroOut(address, 8);
        },
        () => space.swapUint32(address, 1),
        () => space.compareAndSwapUint32(address, 0, 1),
      ])
        expect(io).toThrow(new SegmentationFault(address, 0, Access.Write));
    }
    space.copyIn(CODE, new Uint8Array(0));
    space.zeroOut(CODE, 0);
  });

  it('is one again when all of it has been unmapped', () => {
    using guest = platform.guest('1: syscall\n jmp 1b');
    const { minUserAddress, maxUserAddress } = guest.platform;
    expect(guest.run()).toBe(SwitchResult.Syscall);
    const before = platform.tables(guest.platform);
    guest.space.unmap(minUserAddress, maxUserAddress - minUserAddress);
    expect(platform.tables(guest.platform)).toBeLessThan(before);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault()).toMatchObject({ code: MAPERR, access: Access.Execute });
    expect(guest.space.tryCopyIn(CODE, new Uint8Array(1))).toBe(0);
  });
});

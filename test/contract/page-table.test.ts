import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { Accessor } from './accessor.js';
import { describePlatforms } from './platforms.js';

const PAGE = 4096;
const LARGE = 2 * 1024 * 1024;

const RW = Access.Read | Access.Write;

describePlatforms('mappings', (platform) => {
  it('make an unmapped page unreadable at once, and a narrowed one unwritable', () => {
    using guest = new Accessor(platform.create);
    const range = guest.allocate(PAGE);
    const at = 0x40000000;
    guest.map(guest.space, at, range, RW);
    for (let i = 0; i < 20; i++) {
      expect(guest.write(at, i)).toBe(true);
      expect(guest.read(at)).toBe(i);
      guest.map(guest.space, at, range, Access.Read);
      expect(guest.write(at, 99)).toBe(false);
      expect(guest.read(at)).toBe(i);
      guest.space.unmap(at, PAGE);
      expect(guest.read(at)).toBeUndefined();
      guest.map(guest.space, at, range, RW);
    }
  });

  it('show a new page where another was mapped', () => {
    using guest = new Accessor(platform.create);
    const ranges = [1, 2, 3].map((value) => {
      const range = guest.allocate(PAGE);
      guest.fill(range.start, PAGE, () => value);
      return range;
    });
    for (let i = 0; i < 30; i++) {
      const range = ranges[i % 3];
      if (range) guest.map(guest.space, 0x50000000, range, RW);
      expect(guest.read(0x50000000)).toBe((i % 3) + 1);
    }
  });

  it('split a large page that is partly unmapped or narrowed', () => {
    using guest = new Accessor(platform.create);
    const large = guest.allocate(LARGE);
    guest.fill(large.start, LARGE, (page) => page + 7);
    const at = 0xc0000000;
    guest.map(guest.space, at, large, RW);
    expect(guest.read(at + 100 * PAGE)).toBe(107);
    guest.space.unmap(at + 100 * PAGE, PAGE);
    expect(guest.read(at + 100 * PAGE)).toBeUndefined();
    expect(guest.read(at + 99 * PAGE)).toBe(106);
    const page = { start: large.start + 5 * PAGE, end: large.start + 6 * PAGE };
    guest.map(guest.space, at + 5 * PAGE, page, Access.Read);
    expect(guest.write(at + 5 * PAGE, 1)).toBe(false);
    expect(guest.write(at + 6 * PAGE, 1)).toBe(true);
    guest.map(guest.space, at, large, RW);
    expect(guest.read(at + 100 * PAGE)).toBe(107);
  });

  it('cover the whole range of user addresses and nothing beyond', () => {
    using guest = new Accessor(platform.create);
    const { minUserAddress, maxUserAddress } = guest.platform;
    const range = guest.allocate(PAGE);
    for (const address of [minUserAddress, maxUserAddress - PAGE]) {
      guest.map(guest.space, address, range, RW);
      expect(guest.write(address, 5)).toBe(true);
      guest.space.unmap(address, PAGE);
      expect(guest.read(address)).toBeUndefined();
    }
    for (const address of [minUserAddress - PAGE, maxUserAddress, 2 ** 47, -PAGE]) {
      expect(() => {
        guest.map(guest.space, address, range, RW);
      }).toThrow(/outside/);
    }
  });

  it('give exact counts and addresses to copyIn, copyOut and zeroOut', () => {
    using guest = new Accessor(platform.create);
    const at = 0x60000000;
    guest.map(guest.space, at, guest.allocate(2 * PAGE), RW);
    const bytes = new Uint8Array(3 * PAGE).fill(9);
    expect(guest.space.tryCopyOut(at + 100, bytes)).toBe(2 * PAGE - 100);
    expect(guest.space.tryCopyIn(at, bytes)).toBe(2 * PAGE);
    for (const io of [
      () => {
        guest.space.copyIn(at + PAGE, bytes);
      },
      () => {
        guest.space.zeroOut(at + PAGE, 2 * PAGE);
      },
    ]) {
      expect(io).toThrow(SegmentationFault);
      expect(io).toThrow(expect.objectContaining({ address: at + 2 * PAGE, done: PAGE }));
    }
    for (const address of [0, -8, 2 ** 47, 2 ** 53, 2 ** 63, 2 ** 64 - 8, 0xffffffff80000000]) {
      expect(guest.space.tryCopyIn(address, bytes)).toBe(0);
      expect(guest.space.tryCopyOut(address, bytes)).toBe(0);
    }
    expect(guest.space.swapUint32(at + PAGE, 7)).toBe(0);
    expect(guest.space.swapUint32(at, 7)).toBe(0);
    expect(guest.space.compareAndSwapUint32(at, 8, 1)).toBe(7);
    expect(guest.space.compareAndSwapUint32(at, 7, 1)).toBe(7);
    expect(guest.space.swapUint32(at, 0xffffffff)).toBe(1);
    expect(() => guest.space.swapUint32(at + 2 * PAGE, 1)).toThrow(SegmentationFault);
  });
});

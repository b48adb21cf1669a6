import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import type { Memory } from '../../src/platform/contract.js';
import { PlatformError } from '../../src/platform/errors.js';
import { Accessor } from './accessor.js';
import { PAGE, TestFile } from './host-file.js';
import { describePlatforms } from './platforms.js';

const AT = 0x40000000;
const RW = Access.Read | Access.Write;

/** The message of the PlatformError that `action` throws. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(PlatformError);
    return String(error);
  }
  throw new Error('nothing was refused');
}

describePlatforms('a mapping', (platform) => {
  it('is refused where the contract says so, in words, and leaves what was there', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(4, 3);
    const { space } = guest;
    const { fd } = guest.platform.memory as Memory & { fd: number };
    space.mapFile(AT, file.fd, file.range(0, 1), RW, false);
    const map = (address: number, start: number, end: number, access: number, of = file.fd) =>
      refusal(() => {
        space.mapFile(address, of, { start, end }, access, false);
      });
    for (const [start, end] of [
      [1, PAGE],
      [0, 100],
      [PAGE, PAGE],
      [2 * PAGE, PAGE],
      [-PAGE, PAGE],
      [NaN, PAGE],
      [0, Infinity],
      [2 ** 60, 2 ** 60 + PAGE],
    ] as const) {
      expect(map(AT, start, end, RW)).toMatch(/not a range of whole pages/);
      expect(map(AT, start, end, RW, fd)).toMatch(/not a range of whole pages/);
    }
    for (const address of [AT + 1, AT + 0.5, NaN]) {
      expect(map(address, 0, PAGE, RW)).toMatch(/not a range of whole pages/);
    }
    for (const address of [0, -PAGE, guest.platform.maxUserAddress, 2 ** 63]) {
      expect(map(address, 0, PAGE, RW)).toMatch(/outside the user's addresses/);
    }
    expect(map(guest.platform.maxUserAddress - PAGE, 0, 2 * PAGE, RW)).toMatch(/outside/);
    for (const access of [0, 8, 0x80000001]) {
      expect(map(AT, 0, PAGE, access)).toMatch(/read, write or execute/);
    }
    const end = guest.platform.memory.totalSize();
    expect(map(AT, end, end + PAGE, RW, fd)).toMatch(/behind the end of the memory/);
    expect(guest.read(AT)).toBe(3);
  });

  it('cannot be taken away by half a page, or outside, or after the release', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(1);
    const space = guest.newSpace('syscall');
    for (const [address, length] of [
      [AT, 0],
      [AT, -PAGE],
      [AT, 1],
      [AT + 8, PAGE],
      [AT, NaN],
    ] as const) {
      expect(refusal(() => space.unmap(address, length))).toMatch(/whole pages/);
    }
    expect(refusal(() => space.unmap(0, PAGE))).toMatch(/outside/);
    expect(refusal(() => space.swapUint32(AT + 2, 0))).toMatch(/multiple of 4/);
    expect(refusal(() => space.zeroOut(AT, -1))).toMatch(/number of bytes/);
    space.release();
    for (const action of [
      () => space.mapFile(AT, file.fd, file.range(0, 1), RW, false),
      () => space.unmap(AT, PAGE),
      () => space.copyIn(AT, new Uint8Array(1)),
      () => space.copyOut(AT, new Uint8Array(1)),
      () => space.zeroOut(AT, 1),
      () => space.swapUint32(AT, 1),
      () => space.compareAndSwapUint32(AT, 1, 2),
      () => guest.context.switchSync(space, guest.registers, -1),
    ]) {
      expect(refusal(action)).toMatch(/has been released/);
    }
    expect(space.tryCopyIn(AT, new Uint8Array(1))).toBe(0);
  });
});

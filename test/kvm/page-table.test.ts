import { expect, it } from 'vitest';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { Access } from '../../src/platform/access.js';
import { OutOfMemoryError } from '../../src/platform/errors.js';
import { Accessor } from '../contract/accessor.js';
import { describeKvm } from '../kvm.js';

const PAGE = 4096;
const LARGE = 2 * 1024 * 1024;
const RW = Access.Read | Access.Write;

describeKvm('page tables', () => {
  it('split a large page that is partly unmapped or narrowed', () => {
    using guest = new Accessor(createKvmPlatform);
    const large = guest.allocate(LARGE);
    guest.fill(large.start, LARGE, (page) => page + 7);
    const at = 0xc0000000;
    guest.map(guest.space, at, large, RW);
    const before = guest.platform.pageTablePages;
    expect(guest.read(at + 100 * PAGE)).toBe(107);
    guest.space.unmap(at + 100 * PAGE, PAGE);
    expect(guest.platform.pageTablePages).toBe(before + 1);
    expect(guest.read(at + 100 * PAGE)).toBeUndefined();
    expect(guest.read(at + 99 * PAGE)).toBe(106);
    const page = { start: large.start + 5 * PAGE, end: large.start + 6 * PAGE };
    guest.map(guest.space, at + 5 * PAGE, page, Access.Read);
    expect(guest.write(at + 5 * PAGE, 1)).toBe(false);
    expect(guest.write(at + 6 * PAGE, 1)).toBe(true);
    guest.map(guest.space, at, large, RW);
    expect(guest.platform.pageTablePages).toBe(before);
    expect(guest.read(at + 100 * PAGE)).toBe(107);
  });

  it('are freed as they empty, page by page too', () => {
    using guest = new Accessor(createKvmPlatform);
    const range = guest.allocate(PAGE);
    const before = guest.platform.pageTablePages;
    for (let i = 0; i < 64; i++) guest.map(guest.space, 0x1000000000 + i * 4 * LARGE, range, RW);
    expect(guest.platform.pageTablePages).toBeGreaterThan(before + 60);
    for (let i = 0; i < 64; i++) guest.space.unmap(0x1000000000 + i * 4 * LARGE, PAGE);
    expect(guest.platform.pageTablePages).toBe(before);
    const space = guest.newSpace('nop');
    space.release();
    expect(guest.platform.pageTablePages).toBe(before);
  });

  it('fails as memory that has run out does, leaves nothing of itself, and works once there is', () => {
    using guest = new Accessor(createKvmPlatform);
    const pages = guest.allocate(2 * PAGE);
    const page = { start: pages.start, end: pages.start + PAGE };
    const base = 0x2000000000;
    let at = base;
    expect(() => {
      for (; ; at += LARGE) guest.map(guest.space, at, page, RW);
    }).toThrow(OutOfMemoryError);
    expect(at - base).toBeGreaterThan(60_000 * LARGE);
    // The first page has a table, the second none.
    expect(() => {
      guest.map(guest.space, at - PAGE, pages, RW);
    }).toThrow(OutOfMemoryError);
    expect(guest.read(at - PAGE)).toBeUndefined();
    expect(guest.read(at - LARGE)).toBe(0);
    guest.space.unmap(base, PAGE);
    guest.map(guest.space, at - PAGE, pages, RW);
    expect(guest.write(at, 5)).toBe(true);
    expect(guest.read(base)).toBeUndefined();
  });
});

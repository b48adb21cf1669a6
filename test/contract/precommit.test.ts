import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { Accessor } from './accessor.js';
import { TestFile } from './host-file.js';
import { describePlatforms } from './platforms.js';

const AT = 0x40000000;
const LENGTH = 8 * 1024 * 1024;
const RW = Access.Read | Access.Write;

describePlatforms('a mapping made with precommit', (platform) => {
  it.each([RW, Access.Read])('has its host memory at once, mapped for access %i', (access) => {
    using guest = new Accessor(platform.create);
    const { memory } = guest.platform;
    const range = guest.allocate(LENGTH);
    const before = memory.totalUsage();
    guest.map(guest.space, AT, range, access);
    expect(memory.totalUsage()).toBe(before);
    memory.mapInto(guest.space, AT, range, access, true);
    expect(memory.totalUsage()).toBe(before + LENGTH);
    expect(guest.read(AT + LENGTH - 8)).toBe(0);
  });

  it('changes nothing else, of a host file that ends before it either', () => {
    using guest = new Accessor(platform.create);
    using file = new TestFile(3, 4);
    guest.space.mapFile(AT, file.fd, file.range(1, 8), RW, true);
    expect(guest.read(AT)).toBe(5);
    expect(guest.read(AT + 4096)).toBe(6);
    expect(guest.read(AT + 2 * 4096)).toBeUndefined();
  });
});

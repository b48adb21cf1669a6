/** What is done to memory through the contract, as guests see it. */
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { MemoryKind, SwitchResult } from '../../src/platform/contract.js';
import type { FileRange } from '../../src/platform/file-range.js';
import { Register } from '../../src/platform/registers.js';
import { CODE, DATA, STACK_TOP, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

const PAGE = 4096;
const MIB = 1024 * 1024;

/** Adds 1 to the number at the address in rdi, and gives it by a system call. */
const INCREMENT = '1: incq (%rdi)\n mov (%rdi), %rsi\n syscall\n jmp 1b';

/** What the guest gets, from where it stands. */
function next(guest: Guest, address: number): number {
  guest.registers.setNumber(Register.Rdi, address);
  expect(guest.run()).toBe(SwitchResult.Syscall);
  return guest.registers.getNumber(Register.Rsi);
}

/** Memory of a kind, mapped at an address. */
function mapped(guest: Guest, address: number, length: number, kind: MemoryKind): FileRange {
  const range = guest.platform.memory.allocate(length, kind);
  guest.map(guest.space, address, range, Access.Read | Access.Write);
  return range;
}

describePlatforms('memory', (platform) => {
  it('is one for the guest, mapInternal and copyIn', () => {
    using guest = platform.guest(INCREMENT);
    const range = mapped(guest, 4 * MIB, 4 * MIB, MemoryKind.Anonymous);
    const [block] = guest.platform.memory.mapInternal(range, Access.Write);
    const number = new DataView((block as Uint8Array).buffer, (block as Uint8Array).byteOffset);
    number.setUint32(3 * MIB, 41, true);
    expect(next(guest, 7 * MIB)).toBe(42);
    expect(number.getUint32(3 * MIB, true)).toBe(42);
    const bytes = new Uint8Array(4);
    guest.space.copyIn(7 * MIB, bytes);
    expect([...bytes]).toEqual([42, 0, 0, 0]);
  });

  it('that is decommitted reads as zeroes where it is mapped', () => {
    using guest = platform.guest(INCREMENT);
    const range = mapped(guest, 4 * MIB, 4 * MIB, MemoryKind.Anonymous);
    for (let count = 1; count < 4; count++) expect(next(guest, 5 * MIB)).toBe(count);
    expect(next(guest, 6 * MIB)).toBe(1);
    guest.platform.memory.decommit({ start: range.start + MIB, end: range.start + MIB + PAGE });
    expect(next(guest, 5 * MIB)).toBe(1);
    expect(next(guest, 6 * MIB)).toBe(2);
    guest.platform.memory.decommit(range);
    expect(next(guest, 6 * MIB)).toBe(1);
  });

  it('that the guest touches is accounted by its kind', () => {
    using guest = platform.guest(INCREMENT);
    const { memory } = guest.platform;
    mapped(guest, 4 * MIB, 4 * MIB, MemoryKind.PageCache);
    mapped(guest, 8 * MIB, 4 * MIB, MemoryKind.Tmpfs);
    memory.updateUsage();
    const before = memory.usage;
    for (let page = 0; page < 20; page++) next(guest, 4 * MIB + page * 3 * PAGE);
    for (let page = 0; page < 10; page++) next(guest, 8 * MIB + page * 5 * PAGE);
    expect(memory.usage).toBe(before);
    memory.updateUsage();
    expect(memory.usage.pageCache - before.pageCache).toBe(20 * PAGE);
    expect(memory.usage.tmpfs - before.tmpfs).toBe(10 * PAGE);
    const { system, anonymous, pageCache, tmpfs, free } = memory.usage;
    expect(system + anonymous + pageCache + tmpfs + free).toBe(memory.totalUsage());
  });

  it('is saved on one platform and goes on in a guest of another', async () => {
    using first = platform.guest(INCREMENT);
    using second = platform.guest('2: nop\n jmp 2b');
    const range = mapped(first, 4 * MIB, 4 * MIB, MemoryKind.Anonymous);
    for (let count = 1; count < 8; count++) next(first, 5 * MIB);
    second.space.unmap(CODE, PAGE);
    second.space.unmap(DATA, PAGE);
    second.space.unmap(STACK_TOP - PAGE, PAGE);
    const between = new PassThrough();
    await Promise.all([
      first.platform.memory.saveTo(between),
      second.platform.memory.loadFrom(between),
    ]);
    expect(second.platform.memory.allocated).toBe(first.platform.memory.allocated);
    // The code was allocated first, and the lowest offsets are given out first.
    second.map(second.space, CODE, { start: 0, end: PAGE }, Access.Read | Access.Execute);
    second.map(second.space, 4 * MIB, range, Access.Read | Access.Write);
    expect(next(second, 5 * MIB)).toBe(8);
    expect(next(first, 5 * MIB)).toBe(8);
  });
});

/** fork(2) of memory in many pieces: copied in parts, the same as in one. */
import { expect, it, vi } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { forkMemory } from '../../../src/kernel/mm/fork-memory.js';
import type { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { mprotect } from '../../../src/kernel/mm/mmap.js';
import { mremap } from '../../../src/kernel/mm/mremap.js';
import { ResourceLimits } from '../../../src/kernel/task/resource-limits.js';
import { Access } from '../../../src/platform/access.js';
import { OutOfMemoryError } from '../../../src/platform/errors.js';
import { PAGE_SIZE } from '../../../src/platform/file-range.js';
import { FakeAddressSpace, FakeMemory } from '../fake-platform.js';
import { makeMm, map, type MmFixture } from './mm-fixture.js';

const PAGES = 6000;
const MIB = 1024 * 1024;

/** Every other page is read-only, and each begins with its number. */
function inPieces(): MmFixture & { readonly start: number } {
  const fixture = makeMm(new FakeMemory(64 * MIB));
  const { mm } = fixture;
  const start = map(mm, { length: PAGES * PAGE_SIZE });
  for (let page = 0; page < PAGES; page++) {
    expect(mm.write(start + page * PAGE_SIZE, numbered(page))).toBe(0);
  }
  for (let page = 0; page < PAGES; page += 2) mprotect(mm, start + page * PAGE_SIZE, PAGE_SIZE, 1);
  expect(mm.pages.runCount).toBeGreaterThan(PAGES - 10);
  return { ...fixture, start };
}

function numbered(page: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(page).buffer);
}

function pagesOf({ mm }: Pick<MmFixture, 'mm'>, start: number): number[] {
  const word = new Uint32Array(1);
  return Array.from({ length: PAGES }, (_, page) => {
    const isThere = mm.read(start + page * PAGE_SIZE, new Uint8Array(word.buffer));
    return isThere ? (word[0] ?? -1) : -1;
  });
}

it('gives the child every page, and neither side what the other writes', async () => {
  const { mm, memory, start } = inPieces();
  const numbers = Array.from({ length: PAGES }, (_, page) => page);
  const child = await forkMemory(mm, new FakeAddressSpace(memory), new ResourceLimits());
  expect(mm.copying).toBeUndefined();
  expect(pagesOf({ mm: child }, start)).toEqual(numbers);
  for (let page = 1; page < PAGES; page += 500) {
    mm.write(start + page * PAGE_SIZE, numbered(1));
    child.write(start + (page + 2) * PAGE_SIZE, numbered(2));
  }
  expect(pagesOf({ mm }, start)[503]).toBe(503);
  expect(pagesOf({ mm: child }, start)[501]).toBe(501);
  child.release();
  mm.release();
  expect(memory.allocated).toBe(0);
  expect(KernelMemory.of(memory).held).toBe(0);
});

it('gives everything back where memory for the child runs out in the middle', async () => {
  const { mm, memory, start } = inPieces();
  const held = KernelMemory.of(memory);
  const rest = held.limit - held.held - 300_000;
  expect(held.take(rest)).toBe(true);
  const fork = forkMemory(mm, new FakeAddressSpace(memory), new ResourceLimits());
  await expect(fork).rejects.toThrow(OutOfMemoryError);
  held.give(rest);
  expect(mm.copying).toBeUndefined();
  expect(pagesOf({ mm }, start)[PAGES - 1]).toBe(PAGES - 1);
  mm.release();
  expect(memory.allocated).toBe(0);
  expect(held.held).toBe(0);
});

it('a move that finds no memory for translations loses no page', () => {
  const { mm, memory } = makeMm();
  const start = map(mm, { length: 4 * PAGE_SIZE });
  for (let page = 0; page < 4; page++) mm.write(start + page * PAGE_SIZE, numbered(page + 7));
  const mapInto = vi.spyOn(memory, 'mapInto').mockImplementation(() => {
    throw new OutOfMemoryError('no page for a table');
  });
  const moved = mremap(mm, start, 4 * PAGE_SIZE, 4 * PAGE_SIZE, 1 | 2, start - 64 * PAGE_SIZE);
  mapInto.mockRestore();
  expect(moved).not.toBeLessThan(0);
  const word = new Uint32Array(1);
  for (const page of [0, 1, 2, 3]) {
    expect(mm.read(moved + page * PAGE_SIZE, new Uint8Array(word.buffer))).toBe(true);
    expect(word[0]).toBe(page + 7);
  }
  mm.release();
  expect(memory.allocated).toBe(0);
});

/** Forks, and gives which pages of the parent's can be written still: those that the child has copies of. */
async function forked(
  { mm, memory, space }: MmFixture,
  start: number,
  pages: number,
): Promise<{ child: MemoryManager; writable: number[] }> {
  const child = await forkMemory(mm, new FakeAddressSpace(memory), new ResourceLimits());
  const all = Array.from({ length: pages }, (_, page) => page);
  const isWritable = (page: number): boolean =>
    (space.accessAt(start + page * PAGE_SIZE) & Access.Write) !== 0;
  return { child, writable: all.filter(isWritable) };
}

it('copies at once what was written since the last fork, where nobody writes meanwhile', async () => {
  const fixture = makeMm();
  const { mm, memory } = fixture;
  const start = map(mm, { address: 0x4000_0000, length: 32 * PAGE_SIZE, placement: 'fixed' });
  const write = (page: number, value: number): void => {
    expect(mm.write(start + page * PAGE_SIZE, numbered(value))).toBe(0);
  };
  const word = new Uint32Array(1);
  const valueIn = (side: MemoryManager, page: number): number => {
    expect(side.read(start + page * PAGE_SIZE, new Uint8Array(word.buffer))).toBe(true);
    return word[0] ?? -1;
  };
  for (let page = 0; page < 32; page++) write(page, page);

  const first = await forked(fixture, start, 32);
  expect(first.writable).toEqual([]);
  write(9, 100);
  // The child is gone by then: its pages are the parent's again, and hot as well.
  first.child.release();
  write(25, 200);

  const second = await forked(fixture, start, 32);
  expect(second.writable.length).toBeGreaterThan(0);
  expect(second.writable.length).toBeLessThan(32);
  expect(second.writable).toEqual(expect.arrayContaining([9, 25]));
  for (const page of [0, 9, 25]) expect(valueIn(second.child, page)).toBe(valueIn(mm, page));
  write(9, 300);
  second.child.write(start + 25 * PAGE_SIZE, numbered(400));
  expect([valueIn(mm, 9), valueIn(second.child, 9)]).toEqual([300, 100]);
  expect([valueIn(mm, 25), valueIn(second.child, 25)]).toEqual([200, 400]);

  mm.share();
  const third = await forked(fixture, start, 32);
  expect(third.writable).toEqual([]);
  mm.release();

  for (const side of [second.child, third.child, mm]) side.release();
  expect(memory.allocated).toBe(0);
});

it('shares what it has no memory to copy', async () => {
  const fixture = makeMm(new FakeMemory(40 * PAGE_SIZE));
  const { mm, memory } = fixture;
  const start = map(mm, { length: 32 * PAGE_SIZE });
  const write = (page: number): number => mm.write(start + page * PAGE_SIZE, numbered(page + 1));
  for (let page = 0; page < 32; page++) expect(write(page)).toBe(0);
  const first = await forked(fixture, start, 32);
  first.child.release();
  for (let page = 0; page < 32; page++) expect(write(page)).toBe(0);
  const second = await forked(fixture, start, 32);
  expect(second.writable.length).toBeLessThan(32);
  expect(pagesOf({ mm: second.child }, start).slice(0, 32)).toEqual(
    Array.from({ length: 32 }, (_, page) => page + 1),
  );
  for (const side of [second.child, mm]) side.release();
  expect(memory.allocated).toBe(0);
});

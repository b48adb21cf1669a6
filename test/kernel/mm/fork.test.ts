/** fork(2) of memory in many pieces: copied in parts, the same as in one. */
import { expect, it, vi } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { forkMemory } from '../../../src/kernel/mm/fork-memory.js';
import { mprotect } from '../../../src/kernel/mm/mmap.js';
import { mremap } from '../../../src/kernel/mm/mremap.js';
import { ResourceLimits } from '../../../src/kernel/task/resource-limits.js';
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

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExtentSet } from '../../src/memory/extent-set.js';
import { CHUNK_SIZE, MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind } from '../../src/platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../../src/platform/errors.js';
import type { FileRange } from '../../src/platform/file-range.js';

const PAGE = 4096;
const MIB = 1024 * 1024;

function bytes(memory: MemoryFile, range: FileRange): Uint8Array[] {
  return memory.mapInternal(range, 3);
}

it('an extent set agrees with a plain set of pages', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ take: fc.boolean(), size: fc.integer({ min: 1, max: 9 }), log: fc.nat(3) }),
      ),
      (steps) => {
        const set = new ExtentSet();
        const free = new Set(Array.from({ length: 64 }, (_, i) => i));
        set.add(0, 64);
        const taken: [number, number][] = [];
        for (const { take, size, log } of steps) {
          if (take) {
            const start = set.take(size, 2 ** log);
            if (start < 0) continue;
            expect(start % 2 ** log).toBe(0);
            for (let i = 0; i < size; i++) expect(free.delete(start + i)).toBe(true);
            taken.push([start, start + size]);
          } else {
            const [start, end] = taken.splice(size % Math.max(1, taken.length), 1)[0] ?? [0, 0];
            if (end === 0) continue;
            set.add(start, end);
            for (let i = start; i < end; i++) free.add(i);
          }
          expect(set.total).toBe(free.size);
        }
        const left: number[] = [];
        set.drain(({ start, end }) => {
          for (let i = start; i < end; i++) left.push(i);
        });
        expect(left).toEqual([...free].sort((a, b) => a - b));
      },
    ),
  );
});

it('memory reads as zeroes however often it is reused', () => {
  const memory = new MemoryFile(32 * MIB);
  for (const length of [PAGE, 64 * 1024, MIB, 8 * MIB]) {
    for (let i = 0; i < 4; i++) {
      const range = memory.allocate(length, MemoryKind.Anonymous);
      for (const block of bytes(memory, range)) {
        expect(block.every((byte) => byte === 0)).toBe(true);
        block.fill(0xaa);
      }
      memory.decRef(range);
    }
  }
  expect(memory.allocated).toBe(0);
  memory.destroy();
  memory.destroy();
});

it('allocations are disjoint, live while referenced, and freed page by page', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ pages: fc.integer({ min: 1, max: 600 }), choice: fc.nat() }), {
        minLength: 1,
        maxLength: 40,
      }),
      (steps) => {
        const memory = new MemoryFile(64 * MIB);
        const live = new Map<number, number>();
        const used = new Set<number>();
        for (const { pages, choice } of steps) {
          if (choice % 3 === 0 && live.size > 0) {
            const page = [...live.keys()][choice % live.size] as number;
            const range = { start: page * PAGE, end: (page + 1) * PAGE };
            memory.incRef(range);
            memory.decRef(range);
            memory.decRef(range);
            live.delete(page);
            used.delete(page);
            continue;
          }
          if ((used.size + pages) * PAGE > memory.limit / 2) continue;
          const range = memory.allocate(pages * PAGE, MemoryKind.Anonymous);
          for (let page = range.start / PAGE; page < range.end / PAGE; page++) {
            expect(used.has(page)).toBe(false);
            used.add(page);
            live.set(page, 1);
          }
        }
        expect(memory.allocated).toBe(used.size * PAGE);
        memory.destroy();
      },
    ),
    { numRuns: 30 },
  );
});

it('a range that crosses chunks is given in blocks that cover it', () => {
  const memory = new MemoryFile(3 * CHUNK_SIZE);
  const range = memory.allocate(2 * CHUNK_SIZE + PAGE, MemoryKind.Anonymous);
  const blocks = bytes(memory, { start: range.start + 5, end: range.end - 7 });
  expect(blocks.reduce((sum, block) => sum + block.length, 0)).toBe(2 * CHUNK_SIZE + PAGE - 12);
  expect(blocks.length).toBe(3);
  memory.destroy();
});

it('freed memory goes back to the host', () => {
  const memory = new MemoryFile(128 * MIB);
  const before = memory.totalUsage();
  const range = memory.allocate(64 * MIB, MemoryKind.Anonymous);
  for (const block of bytes(memory, range)) block.fill(1);
  expect(memory.totalUsage() - before).toBeGreaterThanOrEqual(64 * MIB);
  for (let at = range.start; at < range.end; at += PAGE)
    memory.decRef({ start: at, end: at + PAGE });
  expect(memory.totalUsage() - before).toBeLessThanOrEqual(2 * MIB);
  memory.destroy();
});

it('large allocations are aligned for large pages', () => {
  const memory = new MemoryFile(64 * MIB);
  memory.allocate(PAGE, MemoryKind.Anonymous);
  expect(memory.allocate(4 * MIB, MemoryKind.Anonymous).start % (2 * MIB)).toBe(0);
  memory.destroy();
});

it('mistakes are refused with a word on what to do', () => {
  const memory = new MemoryFile(MIB);
  for (const length of [0, -PAGE, 100, NaN, 2 ** 50, 1.5]) {
    expect(() => memory.allocate(length, MemoryKind.Anonymous)).toThrow(
      length === 2 ** 50 ? OutOfMemoryError : PlatformError,
    );
  }
  expect(() => memory.allocate(MIB + PAGE, MemoryKind.Anonymous)).toThrow(OutOfMemoryError);
  const range = memory.allocate(2 * PAGE, MemoryKind.Anonymous);
  memory.decRef(range);
  for (const misuse of [
    () => {
      memory.decRef(range);
    },
    () => {
      memory.incRef(range);
    },
  ]) {
    expect(misuse).toThrow(/not allocated/);
  }
  expect(() => new MemoryFile(0)).toThrow(PlatformError);
  expect(() => new MemoryFile(1000)).toThrow(PlatformError);
  memory.destroy();
});

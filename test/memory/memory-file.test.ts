import { expect, it } from 'vitest';
import { CHUNK_SIZE, VIEW_SIZE } from '../../src/memory/file-mapping.js';
import { MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind } from '../../src/platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../../src/platform/errors.js';
import type { FileRange } from '../../src/platform/file-range.js';

const PAGE = 4096;
const MIB = 1024 * 1024;

function bytes(memory: MemoryFile, range: FileRange): Uint8Array[] {
  return memory.mapInternal(range, 3);
}

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

it('a range that crosses views is given in blocks that cover it', () => {
  const memory = new MemoryFile(3 * CHUNK_SIZE);
  const range = memory.allocate(2 * VIEW_SIZE + PAGE, MemoryKind.Anonymous);
  const blocks = bytes(memory, { start: range.start + 5, end: range.end - 7 });
  expect(blocks.reduce((sum, block) => sum + block.length, 0)).toBe(2 * VIEW_SIZE + PAGE - 12);
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

it('decommitted pages stay allocated, read as zeroes and cost the host nothing', () => {
  const memory = new MemoryFile(16 * MIB);
  const range = memory.allocate(4 * MIB, MemoryKind.Anonymous);
  for (const block of bytes(memory, range)) block.fill(7);
  memory.decommit({ start: range.start + MIB, end: range.end - MIB });
  const contents = Buffer.concat(bytes(memory, range));
  expect(contents.subarray(0, MIB).every((byte) => byte === 7)).toBe(true);
  expect(contents.subarray(MIB, 3 * MIB).every((byte) => byte === 0)).toBe(true);
  expect(contents.subarray(3 * MIB).every((byte) => byte === 7)).toBe(true);
  memory.decommit(range);
  expect(memory.totalUsage()).toBe(0);
  expect(memory.allocated).toBe(4 * MIB);
  memory.destroy();
});

it('a page is shared while it has more than one reference', () => {
  const memory = new MemoryFile(16 * MIB);
  const range = memory.allocate(6 * MIB, MemoryKind.Anonymous);
  const page = { start: range.start + 3 * MIB, end: range.start + 3 * MIB + PAGE };
  expect(memory.isShared(range)).toBe(false);
  memory.incRef(page);
  expect(memory.isShared(range)).toBe(true);
  expect(memory.isShared(page)).toBe(true);
  expect(memory.isShared({ start: range.start, end: page.start })).toBe(false);
  expect(memory.isShared({ start: page.end, end: range.end })).toBe(false);
  memory.decRef(range);
  expect(memory.allocated).toBe(PAGE);
  expect(memory.isShared(page)).toBe(false);
  memory.decRef(page);
  expect(memory.allocated).toBe(0);
  memory.destroy();
});

it('the size is the end of the file', () => {
  const memory = new MemoryFile(CHUNK_SIZE + PAGE);
  expect(memory.totalSize()).toBe(2 * CHUNK_SIZE);
  expect(memory.allocate(CHUNK_SIZE + PAGE, MemoryKind.System).end).toBeLessThanOrEqual(
    memory.totalSize(),
  );
  memory.destroy();
});

function median(times: number, action: () => void): number {
  const taken = Array.from({ length: times }, () => {
    const began = performance.now();
    action();
    return performance.now() - began;
  });
  return taken.sort((a, b) => a - b)[times >> 1] as number;
}

it('a reference to a gibibyte is taken and given back in a fraction of a millisecond', () => {
  const memory = new MemoryFile(1024 * MIB);
  const range = memory.allocate(1024 * MIB, MemoryKind.Anonymous);
  const taken = median(101, () => {
    memory.incRef(range);
    memory.decRef(range);
  });
  expect(taken).toBeLessThan(0.5);
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
  const other = memory.allocate(2 * PAGE, MemoryKind.Anonymous);
  for (const [start, end] of [
    [other.start + 1, other.end],
    [other.start, other.end - 1],
    [other.start, other.start],
    [other.end, other.start],
    [-PAGE, other.end],
    [NaN, other.end],
    [other.start, Infinity],
    [other.start, other.end + PAGE],
    [2 ** 40, 2 ** 40 + PAGE],
  ] as const) {
    for (const method of ['incRef', 'decRef', 'decommit', 'isShared'] as const) {
      expect(() => memory[method]({ start, end }), `${method} [${start}, ${end})`).toThrow(
        PlatformError,
      );
    }
  }
  for (const [start, end] of [
    [0.5, 7],
    [9, 9],
    [-1, 9],
    [0, NaN],
    [other.end - 1, other.end + 1],
  ] as const) {
    expect(() => memory.mapInternal({ start, end }, 1), `[${start}, ${end})`).toThrow(
      PlatformError,
    );
  }
  expect(() => memory.allocate(PAGE, 9 as MemoryKind)).toThrow(/no memory kind 9/);
  expect(() => new MemoryFile(0)).toThrow(PlatformError);
  expect(() => new MemoryFile(1000)).toThrow(PlatformError);
  memory.destroy();
});

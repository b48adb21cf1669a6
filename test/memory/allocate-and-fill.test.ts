import { expect, it } from 'vitest';
import { allocateAndFill, type Reader } from '../../src/memory/allocate-and-fill.js';
import { VIEW_SIZE } from '../../src/memory/file-mapping.js';
import { MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind } from '../../src/platform/contract.js';
import { OutOfMemoryError } from '../../src/platform/errors.js';

const PAGE = 4096;

/** Gives `total` bytes, at most `atOnce` at a time, then what `end` says. */
function readerOf(total: number, atOnce: number, end: () => number = () => 0): Reader {
  let given = 0;
  return (dst) => {
    const count = Math.min(total - given, atOnce, dst.length);
    if (count === 0) return end();
    for (let i = 0; i < count; i++) dst[i] = (given + i) % 251;
    given += count;
    return count;
  };
}

function fail(): never {
  throw new Error('the disk is on fire');
}

const cases = [
  { name: 'a reader with enough', total: 9 * PAGE, end: undefined, pages: 8 },
  { name: 'a reader that ends on a page', total: 3 * PAGE, end: undefined, pages: 3 },
  { name: 'a reader that ends within a page', total: 3 * PAGE + 5, end: undefined, pages: 3 },
  { name: 'a reader that ends within the first page', total: 5, end: undefined, pages: 0 },
  { name: 'a reader that throws within a page', total: 3 * PAGE + 5, end: fail, pages: 3 },
  { name: 'a reader that throws at once', total: 0, end: fail, pages: 0 },
];

for (const { name, total, end, pages } of cases) {
  it(`${name} leaves the whole pages it filled`, () => {
    const memory = new MemoryFile(16 * PAGE);
    const reader = readerOf(total, 1000, end);
    const { range, error } = allocateAndFill(memory, 8 * PAGE, MemoryKind.Tmpfs, reader);
    expect(range.end - range.start).toBe(pages * PAGE);
    expect(memory.allocated).toBe(pages * PAGE);
    expect(error).toEqual(end === undefined ? undefined : new Error('the disk is on fire'));
    if (pages > 0) {
      const contents = Buffer.concat(memory.mapInternal(range, 1));
      expect(contents.every((byte, i) => byte === i % 251)).toBe(true);
      memory.decRef(range);
    }
    expect(memory.allocated).toBe(0);
    memory.destroy();
  });
}

it('blocks are filled one behind the other', () => {
  const memory = new MemoryFile(3 * VIEW_SIZE);
  memory.allocate(PAGE, MemoryKind.System);
  const length = VIEW_SIZE + PAGE;
  let calls = 0;
  const { range } = allocateAndFill(memory, length, MemoryKind.Anonymous, (dst) => {
    dst[0] = ++calls;
    return dst.length;
  });
  expect(calls).toBe(2);
  expect(range.end - range.start).toBe(length);
  memory.destroy();
});

it('a reader that gives an impossible count is refused and keeps nothing allocated', () => {
  const memory = new MemoryFile(16 * PAGE);
  for (const count of [-1, NaN, 1.5, PAGE + 1]) {
    const { range, error } = allocateAndFill(memory, PAGE, MemoryKind.Anonymous, () => count);
    expect(range.end).toBe(range.start);
    expect(String(error)).toMatch(/a reader gives a count/);
    expect(memory.allocated).toBe(0);
  }
  expect(() => allocateAndFill(memory, 17 * PAGE, MemoryKind.Anonymous, () => 0)).toThrow(
    OutOfMemoryError,
  );
  memory.destroy();
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExtentSet } from '../../src/memory/extent-set.js';

const PAGE = 4096;

/** The lowest run of `size` in `free` at a multiple of `alignment`; -1. */
function lowestFit(free: ReadonlySet<number>, size: number, alignment: number): number {
  for (let start = 0; start < 64; start += alignment) {
    let fits = true;
    for (let i = start; i < start + size; i++) fits &&= free.has(i);
    if (fits) return start;
  }
  return -1;
}

it('an extent set takes the lowest that fits, as a plain set of pages has it', () => {
  const step = fc.record({
    act: fc.constantFrom('take', 'take aligned', 'add'),
    size: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step), (alignment, steps) => {
      const set = new ExtentSet(alignment);
      const free = new Set(Array.from({ length: 64 }, (_, i) => i));
      set.add(0, 64);
      const taken: [number, number][] = [];
      for (const { act, size } of steps) {
        if (act === 'add') {
          const [start, end] = taken.splice(size % Math.max(1, taken.length), 1)[0] ?? [0, 0];
          if (end === 0) continue;
          set.add(start, end);
          for (let i = start; i < end; i++) free.add(i);
        } else {
          const aligned = act === 'take aligned';
          const start = aligned ? set.takeAligned(size) : set.take(size);
          expect(start).toBe(lowestFit(free, size, aligned ? alignment : 1));
          if (start < 0) continue;
          for (let i = start; i < start + size; i++) free.delete(i);
          taken.push([start, start + size]);
        }
        expect(set.total).toBe(free.size);
      }
      const left: number[] = [];
      let before = -1;
      set.drain(({ start, end }) => {
        expect(start).toBeGreaterThan(before); // those that touch have been merged
        before = end;
        for (let i = start; i < end; i++) left.push(i);
      });
      expect(left).toEqual([...free].sort((a, b) => a - b));
      expect(set.total).toBe(0);
    }),
  );
});

/** Microseconds that taking and giving back take in a set of so many scattered pages, at best. */
function timeOfTake(fragments: number): number {
  const set = new ExtentSet(512 * PAGE);
  for (let i = 0; i < fragments; i++) set.add(2 * i * PAGE, (2 * i + 1) * PAGE);
  set.add(2 * fragments * PAGE, 2 * fragments * PAGE + 2 ** 30);
  let best = Infinity;
  for (let round = 0; round < 20; round++) {
    const began = performance.now();
    for (let i = 0; i < 500; i++) {
      const start = set.take(2 * PAGE);
      set.add(start, start + 2 * PAGE);
    }
    best = Math.min(best, ((performance.now() - began) / 500) * 1000);
  }
  return best;
}

it('taking from 100,000 fragments costs little more than from 100', () => {
  timeOfTake(100);
  const [few, many] = [timeOfTake(100), timeOfTake(100_000)];
  expect(many, `${few} µs from 100, ${many} µs from 100,000`).toBeLessThan(8 * few + 5);
});

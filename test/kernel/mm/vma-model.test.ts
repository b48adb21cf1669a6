import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '../../../src/platform/file-range.js';
import { mprotect, munmap } from '../../../src/kernel/mm/mmap.js';
import { mremap } from '../../../src/kernel/mm/mremap.js';
import { MREMAP_MAYMOVE, MREMAP_FIXED } from '../../../src/kernel/abi/mman.js';
import { makeMm, map } from './mm-fixture.js';

/** The model: what each page of a small window is, written as plainly as can be. */
interface ModelPage {
  access: number;
  value: number;
}

const BASE = 0x7000_0000_0000;
const PAGES = 64;

const page = fc.nat({ max: PAGES - 1 });
const count = fc.integer({ min: 1, max: 12 });
const access = fc.constantFrom(0, 1, 3, 5, 7);
const operation = fc.oneof(
  fc.record({ kind: fc.constant('map' as const), page, count, access }),
  fc.record({ kind: fc.constant('unmap' as const), page, count }),
  fc.record({ kind: fc.constant('protect' as const), page, count, access }),
  fc.record({ kind: fc.constant('write' as const), page, value: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('move' as const), page, count, target: page }),
);

describe('mappings against a model of single pages', () => {
  it('agree after every operation', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const { mm, memory } = makeMm();
        const model = new Map<number, ModelPage>();
        const address = (index: number): number => BASE + index * PAGE_SIZE;
        const within = (start: number, length: number): number[] =>
          Array.from({ length }, (_, offset) => start + offset);
        for (const step of operations) {
          switch (step.kind) {
            case 'map':
              expect(
                map(mm, {
                  address: address(step.page),
                  length: step.count * PAGE_SIZE,
                  access: step.access,
                  placement: 'fixed',
                }),
              ).toBe(address(step.page));
              for (const index of within(step.page, step.count)) {
                model.set(index, { access: step.access, value: 0 });
              }
              break;
            case 'unmap':
              expect(munmap(mm, address(step.page), step.count * PAGE_SIZE)).toBe(0);
              for (const index of within(step.page, step.count)) model.delete(index);
              break;
            case 'protect':
              mprotect(mm, address(step.page), step.count * PAGE_SIZE, step.access);
              for (const index of within(step.page, step.count)) {
                const entry = model.get(index);
                if (entry === undefined) break;
                entry.access = step.access;
              }
              break;
            case 'write': {
              const entry = model.get(step.page);
              const permitted = entry !== undefined && (entry.access & 2) !== 0;
              const done = mm.copyOut(address(step.page) + 7, Uint8Array.of(step.value));
              expect(done).toBe(permitted ? 1 : 0);
              if (permitted) entry.value = step.value;
              break;
            }
            case 'move': {
              const source = within(step.page, step.count).map((index) => model.get(index));
              const result = mremap(
                mm,
                address(step.page),
                step.count * PAGE_SIZE,
                step.count * PAGE_SIZE,
                MREMAP_MAYMOVE | MREMAP_FIXED,
                address(step.target + PAGES * 2),
              );
              if (result < 0) break;
              for (const index of within(step.page, step.count)) model.delete(index);
              for (const [offset, entry] of source.entries()) {
                if (entry !== undefined) model.set(step.target + PAGES * 2 + offset, entry);
              }
              break;
            }
          }
        }
        let previousEnd = 0;
        let mapped = 0;
        for (const vma of mm.vmas) {
          expect(vma.start).toBeGreaterThanOrEqual(previousEnd);
          previousEnd = vma.end;
          mapped += (vma.end - vma.start) / PAGE_SIZE;
        }
        expect(mapped).toBe(model.size);
        expect(mm.totalBytes).toBe(model.size * PAGE_SIZE);
        for (const [index, entry] of model) {
          expect(mm.vmas.find(address(index))?.access).toBe(entry.access);
          const byte = new Uint8Array(1);
          expect(mm.copyIn(address(index) + 7, byte)).toBe(entry.access === 0 ? 0 : 1);
          if (entry.access !== 0) expect(byte[0]).toBe(entry.value);
        }
        mm.release();
        expect(memory.allocated).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

/** Random operations on a memory, and the same on arrays: what is allocated, of what kind, how often referenced. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryFile } from '../../src/memory/memory-file.js';
import { MemoryKind, type MemoryUsage } from '../../src/platform/contract.js';
import { OutOfMemoryError, PlatformError } from '../../src/platform/errors.js';
import type { FileRange } from '../../src/platform/file-range.js';

const PAGE = 4096;
const LIMIT = 8 * 1024 * 1024;

interface ModelPage {
  references: number;
  readonly kind: MemoryKind;
  content: number;
  /** Whether the host has had to hold it since it was allocated or decommitted. */
  touched: boolean;
}

class Model {
  readonly pages = new Map<number, ModelPage>();
  readonly memory = new MemoryFile(LIMIT);

  each(range: FileRange, act: (page: ModelPage, number: number) => void): void {
    for (let number = range.start / PAGE; number < range.end / PAGE; number++) {
      const page = this.pages.get(number);
      if (page !== undefined) act(page, number);
    }
  }

  /** Whether all pages of `range` are allocated. */
  has(range: FileRange): boolean {
    let count = 0;
    this.each(range, () => count++);
    return count === (range.end - range.start) / PAGE;
  }

  allocate(length: number, kind: MemoryKind): void {
    if (this.pages.size * PAGE + length > LIMIT) {
      expect(() => this.memory.allocate(length, kind)).toThrow(OutOfMemoryError);
      return;
    }
    const range = this.memory.allocate(length, kind);
    for (let number = range.start / PAGE; number < range.end / PAGE; number++) {
      expect(this.pages.has(number), 'a page given out twice').toBe(false);
      this.pages.set(number, { references: 1, kind, content: 0, touched: false });
    }
    this.check(range);
  }

  incRef(range: FileRange): void {
    this.memory.incRef(range);
    this.each(range, (page) => page.references++);
  }

  decRef(range: FileRange): void {
    this.memory.decRef(range);
    this.each(range, (page, number) => {
      if (--page.references === 0) this.pages.delete(number);
    });
  }

  fill(range: FileRange, content: number): void {
    for (const block of this.memory.mapInternal(range, 2)) block.fill(content);
    this.each(range, (page) => {
      page.content = content;
      page.touched = true;
    });
  }

  decommit(range: FileRange): void {
    this.memory.decommit(range);
    this.each(range, (page) => {
      page.content = 0;
      page.touched = false;
    });
  }

  /** Contents and whether pages are shared. */
  check(range: FileRange): void {
    let shared = false;
    this.each(range, (page, number) => {
      const at = { start: number * PAGE, end: (number + 1) * PAGE };
      const block = Buffer.concat(this.memory.mapInternal(at, 1));
      expect(block.equals(Buffer.alloc(PAGE, page.content))).toBe(true);
      page.touched = true;
      shared ||= page.references > 1;
    });
    expect(this.memory.isShared(range)).toBe(shared);
  }

  usage(): MemoryUsage {
    const names = ['system', 'anonymous', 'pageCache', 'tmpfs'] as const;
    const usage = { system: 0, anonymous: 0, pageCache: 0, tmpfs: 0 };
    for (const page of this.pages.values()) {
      if (page.touched) usage[names[page.kind]] += PAGE;
    }
    this.memory.updateUsage();
    return { ...usage, free: this.memory.usage.free };
  }
}

const step = fc.record({
  act: fc.constantFrom('allocate', 'incRef', 'decRef', 'fill', 'decommit', 'check'),
  first: fc.nat(),
  pages: fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 900 })),
  kind: fc.constantFrom(...Object.values(MemoryKind)),
  content: fc.integer({ min: 1, max: 255 }),
});

it('a memory does what arrays do under any sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const { act, first, pages, kind, content } of steps) {
        const known = [...model.pages.keys()];
        const start = (known[first % Math.max(1, known.length)] ?? 0) * PAGE;
        const range = { start, end: start + pages * PAGE };
        if (act === 'allocate') model.allocate(pages * PAGE, kind);
        else if (!model.has(range)) {
          const method = act === 'fill' ? 'mapInternal' : act === 'check' ? 'isShared' : act;
          expect(() => model.memory[method](range, 2)).toThrow(PlatformError);
        } else if (act === 'fill') model.fill(range, content);
        else model[act](range);
        expect(model.memory.allocated).toBe(model.pages.size * PAGE);
      }
      expect(model.usage()).toEqual(model.memory.usage);
      const { system, anonymous, pageCache, tmpfs, free } = model.memory.usage;
      const total = system + anonymous + pageCache + tmpfs + free;
      expect(total).toBe(model.memory.totalUsage());
      for (const number of [...model.pages.keys()]) {
        model.check({ start: number * PAGE, end: (number + 1) * PAGE });
      }
      model.memory.destroy();
    }),
    { numRuns: 60 },
  );
});

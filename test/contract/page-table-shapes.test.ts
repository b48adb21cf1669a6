/** Mappings of every shape that page tables tell apart: where they lie, how large they are, what they replace. */
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { Accessor } from './accessor.js';
import { workload } from '../patience.js';
import { describePlatforms, type PlatformUnderTest } from './platforms.js';
import { Random } from './random.js';

const PAGE = 4096;
const LARGE = 2 * 1024 * 1024;
const GIB = 1024 ** 3;
const TABLE_4 = 512 * GIB;
const RW = Access.Read | Access.Write;

/** A guest with pages of memory that hold their number, counted from 1. */
class Numbered extends Accessor {
  readonly #first: number;

  constructor(platform: PlatformUnderTest, pages: number) {
    super(platform.create);
    const { start } = this.allocate(pages * PAGE);
    this.fill(start, pages * PAGE, (page) => page + 1);
    this.#first = start;
  }

  mapPages(address: number, page: number, count = 1): void {
    const start = this.#first + page * PAGE;
    this.map(this.space, address, { start, end: start + count * PAGE }, RW);
  }
}

function shuffled(count: number, random: Random): number[] {
  const list = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [list[i], list[j]] = [list[j] as number, list[i] as number];
  }
  return list;
}

describePlatforms('mappings of single pages', (platform) => {
  it.each(['upwards', 'downwards', 'at random'])('made one by one %s are all there', (order) => {
    const count = 1100; // more than two tables have
    using guest = new Numbered(platform, count);
    const at = GIB - 300 * PAGE;
    const pages = shuffled(count, new Random(1));
    if (order === 'upwards') pages.sort((a, b) => a - b);
    if (order === 'downwards') pages.sort((a, b) => b - a);
    for (const page of pages) guest.mapPages(at + page * PAGE, page);
    for (let page = 0; page < count; page += 7) expect(guest.read(at + page * PAGE)).toBe(page + 1);
    for (const page of pages.slice(0, count / 2)) guest.space.unmap(at + page * PAGE, PAGE);
    const gone = new Set(pages.slice(0, count / 2));
    for (let page = 0; page < count; page += 5)
      expect(guest.read(at + page * PAGE)).toBe(gone.has(page) ? undefined : page + 1);
    expect(guest.read(at - PAGE)).toBeUndefined();
    expect(guest.read(at + count * PAGE)).toBeUndefined();
  });

  it('far from one another take tables each, and give them all back', () => {
    using guest = new Numbered(platform, 60);
    const before = platform.tables(guest.platform);
    const random = new Random(2);
    const top = guest.platform.maxUserAddress / PAGE - 1024;
    const places = Array.from({ length: 60 }, () => (1024 + random.below(top)) * PAGE);
    for (const [page, place] of places.entries()) guest.mapPages(place, page);
    for (const [page, place] of places.entries()) {
      expect(guest.read(place)).toBe(page + 1);
      expect(guest.read(place + PAGE)).toBeUndefined();
    }
    for (const place of places.slice(0, 30)) guest.space.unmap(place, PAGE);
    for (const [page, place] of places.entries())
      expect(guest.read(place)).toBe(page < 30 ? undefined : page + 1);
    for (const place of places) guest.space.unmap(place, PAGE);
    expect(platform.tables(guest.platform)).toBe(before);
  });
});

describePlatforms('a mapping across a border', (platform) => {
  const borders = [
    ['2 MiB', GIB + 5 * LARGE],
    ['1 GiB', 3 * GIB],
    ['512 GiB', 5 * TABLE_4],
  ] as const;

  it.each(borders)('of %s is whole on both sides, and in parts', (_name, border) => {
    using guest = new Numbered(platform, 20);
    const at = border - 10 * PAGE;
    guest.mapPages(at, 0, 20);
    for (let page = 0; page < 20; page++) expect(guest.read(at + page * PAGE)).toBe(page + 1);
    guest.space.unmap(border - PAGE, 2 * PAGE);
    for (let page = 0; page < 20; page++) {
      const gone = page === 9 || page === 10;
      expect(guest.read(at + page * PAGE)).toBe(gone ? undefined : page + 1);
    }
    const bytes = new Uint8Array(20 * PAGE);
    expect(guest.space.tryCopyIn(at, bytes)).toBe(9 * PAGE);
    guest.mapPages(border - PAGE, 0, 2);
    expect(guest.read(border - PAGE)).toBe(1);
    expect(guest.read(border)).toBe(2);
    expect(guest.space.tryCopyIn(at, bytes)).toBe(20 * PAGE);
  });

  it.each(borders)('of %s may be of large pages, aligned like it and not', (_name, border) => {
    const pages = (3 * LARGE) / PAGE;
    using guest = new Numbered(platform, pages);
    for (const shift of [0, PAGE, LARGE / 2]) {
      const at = border - LARGE + shift;
      guest.mapPages(at, 0, 1024);
      for (const page of [0, 1, 510, 511, 512, 513, 1023])
        expect(guest.read(at + page * PAGE)).toBe(page + 1);
      expect(guest.read(at - PAGE)).toBeUndefined();
      expect(guest.read(at + 2 * LARGE)).toBeUndefined();
      guest.space.unmap(at, 2 * LARGE);
      for (const page of [0, 511, 512, 1023]) expect(guest.read(at + page * PAGE)).toBeUndefined();
    }
  });
});

describePlatforms('large pages', (platform) => {
  it('and small ones lie side by side, and go one without the other', () => {
    using guest = new Numbered(platform, 512 + 8);
    const at = 7 * GIB + 8 * LARGE;
    guest.mapPages(at, 0, 512);
    guest.mapPages(at - 4 * PAGE, 512, 4);
    guest.mapPages(at + LARGE, 516, 4);
    const small = [-4, -1, 512, 515];
    const values = (): (number | undefined)[] =>
      [...small, 0, 255, 511].map((page) => guest.read(at + page * PAGE));
    expect(values()).toEqual([513, 516, 517, 520, 1, 256, 512]);
    guest.space.unmap(at - 4 * PAGE, 4 * PAGE);
    expect(values()).toEqual([undefined, undefined, 517, 520, 1, 256, 512]);
    guest.space.unmap(at, LARGE);
    expect(values()).toEqual([undefined, undefined, 517, 520, undefined, undefined, undefined]);
    guest.mapPages(at, 0, 512);
    guest.space.unmap(at + LARGE, 4 * PAGE);
    expect(values()).toEqual([undefined, undefined, undefined, undefined, 1, 256, 512]);
  });

  it('replace the small ones beneath them, and small ones parts of them', () => {
    using guest = new Numbered(platform, 1024);
    const at = 9 * GIB;
    for (let page = 0; page < 512; page += 3) guest.mapPages(at + page * PAGE, 1023 - page);
    expect(guest.read(at + 3 * PAGE)).toBe(1021);
    const before = platform.tables(guest.platform);
    guest.mapPages(at, 0, 512);
    for (const page of [0, 1, 3, 511]) expect(guest.read(at + page * PAGE)).toBe(page + 1);
    expect(platform.tables(guest.platform)).toBeLessThan(before);
    guest.mapPages(at + 100 * PAGE, 900, 10);
    expect([99, 100, 109, 110].map((page) => guest.read(at + page * PAGE))).toEqual([
      100, 901, 910, 111,
    ]);
  });

  it('of 1 GiB are split where one page is unmapped, narrowed or replaced', () => {
    using guest = new Accessor((options) => platform.create({ ...options, memoryLimit: 3 * GIB }));
    const memory = guest.allocate(GIB);
    const other = guest.allocate(PAGE);
    const at = 16 * GIB;
    const number = (page: number): void => {
      guest.fill(memory.start + page * PAGE, PAGE, () => page + 1);
    };
    const probes = [0, 1, 511, 512, 100_000, 100_001, 131_072, 200_000, 262_143];
    for (const page of probes) number(page);
    guest.fill(other.start, PAGE, () => 77);
    guest.map(guest.space, at, memory, RW);
    for (const page of probes) expect(guest.read(at + page * PAGE)).toBe(page + 1);
    guest.space.unmap(at + 100_000 * PAGE, PAGE);
    guest.map(guest.space, at + 131_072 * PAGE, other, RW);
    const narrowed = { start: memory.start + 512 * PAGE, end: memory.start + 513 * PAGE };
    guest.map(guest.space, at + 512 * PAGE, narrowed, Access.Read);
    for (const page of probes) {
      const expected = page === 100_000 ? undefined : page === 131_072 ? 77 : page + 1;
      expect(guest.read(at + page * PAGE)).toBe(expected);
      expect(guest.write(at + page * PAGE, page + 1)).toBe(page !== 100_000 && page !== 512);
    }
    guest.map(guest.space, at, memory, RW);
    for (const page of probes) expect(guest.read(at + page * PAGE)).toBe(page + 1);
    guest.space.unmap(at, GIB);
    for (const page of probes) expect(guest.read(at + page * PAGE)).toBeUndefined();
  });

  it('of 1 GiB are mapped over with memory of another alignment, and leave no hole', () => {
    using guest = new Accessor((options) => platform.create({ ...options, memoryLimit: 4 * GIB }));
    const memory = guest.allocate(2 * GIB);
    const at = 24 * GIB;
    guest.map(guest.space, at, memory, RW);
    expect(guest.read(at + GIB / 2)).toBe(0);
    for (const shift of [PAGE, LARGE, LARGE + PAGE]) {
      const probes = [0, PAGE, LARGE - PAGE, LARGE, GIB / 2, GIB - PAGE];
      for (const probe of probes)
        guest.fill(memory.start + shift + probe, PAGE, () => shift + probe);
      const start = memory.start + shift;
      guest.map(guest.space, at, { start, end: start + GIB }, RW);
      for (const probe of probes) expect(guest.read(at + probe)).toBe(shift + probe);
    }
  });
});

describePlatforms('an unmap', (platform) => {
  it('takes what it covers of several mappings, and the holes between them', () => {
    using guest = new Numbered(platform, 600);
    const at = 11 * GIB + 17 * PAGE;
    const model = new Map<number, number>();
    for (const [offset, count] of [
      [0, 10],
      [20, 30],
      [60, 1],
      [500, 80],
    ] as const) {
      guest.mapPages(at + offset * PAGE, offset, count);
      for (let i = 0; i < count; i++) model.set(offset + i, offset + i + 1);
    }
    const random = new Random(3);
    for (let round = 0; round < 12; round++) {
      const start = random.below(580);
      const count = 1 + random.below(20);
      guest.space.unmap(at + start * PAGE, count * PAGE);
      for (let i = 0; i < count; i++) model.delete(start + i);
      for (const page of [
        start - 1,
        start,
        start + count - 1,
        start + count,
        ...model.keys(),
      ].slice(0, 12))
        expect(guest.read(at + page * PAGE)).toBe(model.get(page));
    }
  });
});

describePlatforms('tables', (platform) => {
  it('are used again: 100 rounds of mappings need no more than one', () => {
    using guest = new Numbered(platform, 1024);
    const random = new Random(4);
    const before = platform.tables(guest.platform);
    let most = 0;
    for (let round = 0; round < workload(100); round++) {
      const base = (1 + random.below(100)) * TABLE_4;
      const places = [0, GIB, 2 * GIB].map((offset) => base + offset + random.below(512) * PAGE);
      for (const [page, place] of places.entries()) guest.mapPages(place, page * 300, 200);
      for (const [page, place] of places.entries()) expect(guest.read(place)).toBe(page * 300 + 1);
      const taken = platform.tables(guest.platform) - before;
      if (round === 0) most = taken + 3; // each place may lie across a border
      expect(taken).toBeLessThanOrEqual(most);
      for (const place of places) guest.space.unmap(place, 200 * PAGE);
      expect(platform.tables(guest.platform)).toBe(before);
    }
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { Register } from '../../src/platform/registers.js';
import { Accessor } from './accessor.js';
import { patience } from '../patience.js';
import { describePlatforms } from './platforms.js';

const PAGE = 4096;
const LARGE = 2 * 1024 * 1024;

const RW = Access.Read | Access.Write;

describePlatforms('mappings', (platform) => {
  it('make an unmapped page unreadable at once, and a narrowed one unwritable', () => {
    using guest = new Accessor(platform.create);
    const range = guest.allocate(PAGE);
    const at = 0x40000000;
    guest.map(guest.space, at, range, RW);
    for (let i = 0; i < 20; i++) {
      expect(guest.write(at, i)).toBe(true);
      expect(guest.read(at)).toBe(i);
      guest.map(guest.space, at, range, Access.Read);
      expect(guest.write(at, 99)).toBe(false);
      expect(guest.read(at)).toBe(i);
      guest.space.unmap(at, PAGE);
      expect(guest.read(at)).toBeUndefined();
      guest.map(guest.space, at, range, RW);
    }
  });

  it('show a new page where another was mapped', () => {
    using guest = new Accessor(platform.create);
    const ranges = [1, 2, 3].map((value) => {
      const range = guest.allocate(PAGE);
      guest.fill(range.start, PAGE, () => value);
      return range;
    });
    for (let i = 0; i < 30; i++) {
      const range = ranges[i % 3];
      if (range) guest.map(guest.space, 0x50000000, range, RW);
      expect(guest.read(0x50000000)).toBe((i % 3) + 1);
    }
  });

  it('map over a large page with memory of another alignment, and leave no hole', () => {
    using guest = new Accessor(platform.create);
    const large = guest.allocate(2 * LARGE);
    guest.fill(large.start, 2 * LARGE, (page) => 1000 + page);
    const at = 0x80000000;
    guest.map(guest.space, at, large, RW);
    expect(guest.read(at + 511 * PAGE)).toBe(1511);
    const shifted = { start: large.start + PAGE, end: large.start + PAGE + LARGE };
    guest.map(guest.space, at, shifted, RW);
    for (const page of [0, 1, 255, 511]) {
      expect(guest.read(at + page * PAGE)).toBe(1001 + page);
    }
    expect(guest.read(at + LARGE)).toBe(1512);
  });

  it('split a large page that is partly unmapped or narrowed', () => {
    using guest = new Accessor(platform.create);
    const large = guest.allocate(LARGE);
    guest.fill(large.start, LARGE, (page) => page + 7);
    const at = 0xc0000000;
    guest.map(guest.space, at, large, RW);
    expect(guest.read(at + 100 * PAGE)).toBe(107);
    guest.space.unmap(at + 100 * PAGE, PAGE);
    expect(guest.read(at + 100 * PAGE)).toBeUndefined();
    expect(guest.read(at + 99 * PAGE)).toBe(106);
    const page = { start: large.start + 5 * PAGE, end: large.start + 6 * PAGE };
    guest.map(guest.space, at + 5 * PAGE, page, Access.Read);
    expect(guest.write(at + 5 * PAGE, 1)).toBe(false);
    expect(guest.write(at + 6 * PAGE, 1)).toBe(true);
    guest.map(guest.space, at, large, RW);
    expect(guest.read(at + 100 * PAGE)).toBe(107);
  });

  it('cover the whole range of user addresses and nothing beyond', () => {
    using guest = new Accessor(platform.create);
    const { minUserAddress, maxUserAddress } = guest.platform;
    const range = guest.allocate(PAGE);
    for (const address of [minUserAddress, maxUserAddress - PAGE]) {
      guest.map(guest.space, address, range, RW);
      expect(guest.write(address, 5)).toBe(true);
      guest.space.unmap(address, PAGE);
      expect(guest.read(address)).toBeUndefined();
    }
    for (const address of [minUserAddress - PAGE, maxUserAddress, 2 ** 47, -PAGE]) {
      expect(() => {
        guest.map(guest.space, address, range, RW);
      }).toThrow(/outside/);
    }
  });

  it('give exact counts and addresses to copyIn, copyOut and zeroOut', () => {
    using guest = new Accessor(platform.create);
    const at = 0x60000000;
    guest.map(guest.space, at, guest.allocate(2 * PAGE), RW);
    const bytes = new Uint8Array(3 * PAGE).fill(9);
    expect(guest.space.tryCopyOut(at + 100, bytes)).toBe(2 * PAGE - 100);
    expect(guest.space.tryCopyIn(at, bytes)).toBe(2 * PAGE);
    for (const io of [
      () => {
        guest.space.copyIn(at + PAGE, bytes);
      },
      () => {
        guest.space.zeroOut(at + PAGE, 2 * PAGE);
      },
    ]) {
      expect(io).toThrow(SegmentationFault);
      expect(io).toThrow(expect.objectContaining({ address: at + 2 * PAGE, done: PAGE }));
    }
    for (const address of [0, -8, 2 ** 47, 2 ** 53, 2 ** 63, 2 ** 64 - 8, 0xffffffff80000000]) {
      expect(guest.space.tryCopyIn(address, bytes)).toBe(0);
      expect(guest.space.tryCopyOut(address, bytes)).toBe(0);
    }
    expect(guest.space.swapUint32(at + PAGE, 7)).toBe(0);
    expect(guest.space.swapUint32(at, 7)).toBe(0);
    expect(guest.space.compareAndSwapUint32(at, 8, 1)).toBe(7);
    expect(guest.space.compareAndSwapUint32(at, 7, 1)).toBe(7);
    expect(guest.space.swapUint32(at, 0xffffffff)).toBe(1);
    expect(() => guest.space.swapUint32(at + 2 * PAGE, 1)).toThrow(SegmentationFault);
  });

  it(
    'agree with a plain model, as the guest reads them',
    () => {
      using guest = new Accessor(platform.create);
      const base = 0x2000000000;
      const pages = 3 * 512;
      const memory = guest.allocate(4 * LARGE);
      guest.fill(memory.start, 4 * LARGE, (page) => page + 1);
      const step = fc.record({
        unmap: fc.boolean(),
        page: fc.oneof(fc.nat(pages - 1), fc.constantFrom(0, 512, 1024)),
        count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(512, 1024)),
        source: fc.oneof(fc.nat(1000), fc.constantFrom(0, 512, 1024)),
      });
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 25 }),
          fc.infiniteStream(fc.nat()),
          (steps, probes) => {
            const model = new Array<number | undefined>(pages).fill(undefined);
            guest.space.unmap(base, pages * PAGE);
            for (const { unmap, page, count, source } of steps) {
              const length = Math.min(count, pages - page);
              if (unmap) {
                guest.space.unmap(base + page * PAGE, length * PAGE);
              } else {
                const start = memory.start + source * PAGE;
                guest.map(
                  guest.space,
                  base + page * PAGE,
                  { start, end: start + length * PAGE },
                  RW,
                );
              }
              for (let i = 0; i < length; i++) model[page + i] = unmap ? undefined : source + i + 1;
              for (let i = 0; i < 6; i++) {
                const random = (probes.next().value as number) % pages;
                const probe = i < 2 ? Math.min(pages - 1, page + (i ? length : 0)) : random;
                expect(guest.read(base + probe * PAGE)).toBe(model[probe]);
              }
            }
          },
        ),
        { numRuns: 40 },
      );
    },
    patience(120_000),
  );
});

describePlatforms('an unmap', (platform) => {
  it('reaches a context that runs on another vCPU meanwhile', async () => {
    using guest = platform.guest('1: movq (%rdi), %rax\n incq %rbx\n jmp 1b', { vcpus: 2 });
    const range = guest.allocate(PAGE);
    for (let i = 0; i < 20; i++) {
      guest.map(guest.space, 0x70000000, range, RW);
      guest.start(guest.registers);
      guest.registers.setNumber(Register.Rdi, 0x70000000);
      const pending = guest.context.switch(guest.space, guest.registers, -1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      guest.space.unmap(0x70000000, PAGE);
      expect(await pending).toBe(SwitchResult.Signal);
      expect(guest.fault().address).toBe(0x70000000);
    }
  });
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readdirSync, readlinkSync } from 'node:fs';
import { native } from '../../src/host/native.js';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { Access } from '../../src/platform/access.js';
import { Accessor } from '../contract/accessor.js';
import { PAGE, TestFile } from '../contract/host-file.js';
import { describeKvm } from '../kvm.js';
import { startWorker } from '../typescript-worker.js';

const AT = 0x40000000;
const GIB = 1024 ** 3;
const SLOT = native.constants.slotSize;
const RW = Access.Read | Access.Write;

describeKvm('host files in guest-physical memory', () => {
  it('are held once for all mappings and descriptors, and until the last goes', () => {
    using guest = new Accessor(createKvmPlatform);
    using file = new TestFile(1024);
    const { platform, space } = guest;
    const other = guest.newSpace('syscall');
    space.mapFile(AT, file.fd, file.range(0, 600), RW, false);
    expect(platform.hostFiles).toEqual({ files: 1, windows: 1, slots: 1 });
    other.mapFile(AT, file.fd, file.range(100, 10), Access.Read, false);
    space.mapFile(2 * AT, file.fd, file.range(10, 10), RW, false);
    expect(platform.hostFiles).toEqual({ files: 1, windows: 1, slots: 1 });
    space.mapFile(3 * AT, file.fd, file.range(500, 524), RW, false);
    expect(guest.read(3 * AT + 523 * PAGE)).toBe(1024);
    space.unmap(AT, 600 * PAGE);
    space.unmap(2 * AT, 5 * PAGE);
    space.unmap(3 * AT, 524 * PAGE);
    expect(platform.hostFiles.windows).toBe(1);
    expect(guest.read(2 * AT + 5 * PAGE)).toBe(16);
    other.release();
    expect(platform.hostFiles.windows).toBe(1);
    space.unmap(2 * AT + 5 * PAGE, 5 * PAGE);
    expect(platform.hostFiles).toEqual({ files: 0, windows: 0, slots: 1 });
  });

  it('give their slots back but for a few, and room where it was used before', () => {
    using guest = new Accessor(createKvmPlatform);
    using file = new TestFile(1, 8);
    file.truncate(4 * GIB);
    const { platform, space } = guest;
    const most = [1, 2, 3].map(() => {
      space.mapFile(AT, file.fd, { start: 0, end: 4 * GIB }, RW, false);
      expect(guest.read(AT)).toBe(8);
      expect(guest.read(AT + 4 * GIB - PAGE)).toBe(0);
      const { slots } = platform.hostFiles;
      space.unmap(AT, 4 * GIB);
      return slots;
    });
    expect(most).toEqual(new Array(3).fill((4 * GIB) / SLOT));
    expect(platform.hostFiles).toEqual({ files: 0, windows: 0, slots: 16 });
    space.mapFile(AT, file.fd, { start: 0, end: PAGE }, RW, false);
    expect(guest.read(AT)).toBe(8);
    expect(platform.hostFiles.slots).toBe(16);
  });

  it('are in parts where many pages are far from one another', () => {
    using guest = new Accessor(createKvmPlatform);
    using file = new TestFile(1);
    const stride = 64 * 1024 ** 2;
    for (let n = 0; n < 300; n++) file.put((n * stride) / PAGE, n);
    for (let n = 299; n >= 0; n--) {
      const start = n * stride;
      guest.space.mapFile(AT + n * PAGE, file.fd, { start, end: start + PAGE }, RW, false);
    }
    expect(guest.platform.hostFiles.windows).toBe(300);
    // Each has a large page's room of its own.
    expect(guest.platform.hostFiles.slots).toBeLessThan((300 * 2 * 1024 ** 2) / SLOT + 3);
    for (let n = 0; n < 300; n++) expect(guest.read(AT + n * PAGE)).toBe(n);
    guest.space.mapFile(2 * AT, file.fd, { start: 0, end: 10 * stride + PAGE }, RW, false);
    for (let n = 0; n <= 10; n++) expect(guest.read(2 * AT + n * stride)).toBe(n);
    guest.space.unmap(AT, 300 * PAGE);
    expect(guest.read(2 * AT + 10 * stride)).toBe(10);
    guest.space.unmap(2 * AT, 10 * stride + PAGE);
    expect(guest.platform.hostFiles.windows).toBe(0);
  });

  it('agree with a plain model, two of them and the memory, as the guest reads them', () => {
    using guest = new Accessor(createKvmPlatform);
    using first = new TestFile(1200, 10_000);
    using second = new TestFile(1200, 20_000);
    const memory = guest.allocate(1200 * PAGE);
    guest.fill(memory.start, 1200 * PAGE, (page) => 30_000 + page);
    const pages = 1200;
    const step = fc.record({
      what: fc.nat(3),
      page: fc.oneof(fc.nat(pages - 1), fc.constantFrom(0, 512)),
      count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(512, 1024)),
      source: fc.oneof(fc.nat(1199), fc.constantFrom(0, 512)),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const model = new Array<number | undefined>(pages).fill(undefined);
        guest.space.unmap(AT, pages * PAGE);
        expect(guest.platform.hostFiles).toMatchObject({ files: 0, windows: 0 });
        for (const { what, page, count, source } of steps) {
          const length = Math.min(count, pages - page, 1200 - source);
          const range = { start: source * PAGE, end: (source + length) * PAGE };
          const at = AT + page * PAGE;
          if (what === 0) guest.space.unmap(at, length * PAGE);
          if (what === 1) guest.space.mapFile(at, first.fd, range, RW, false);
          if (what === 2) guest.space.mapFile(at, second.fd, range, RW, false);
          if (what === 3) {
            const start = memory.start + range.start;
            guest.map(guest.space, at, { start, end: start + length * PAGE }, RW);
          }
          for (let n = 0; n < length; n++) {
            model[page + n] = what === 0 ? undefined : what * 10_000 + source + n;
          }
          for (const probe of [page - 1, page, page + length - 1, page + length, 600]) {
            if (probe < 0 || probe >= pages) continue;
            expect(guest.read(AT + probe * PAGE)).toBe(model[probe]);
          }
        }
      }),
      { numRuns: 30 },
    );
  }, 120_000);

  it('are closed with the worker thread that mapped them, however it ends', async () => {
    using file = new TestFile(2, 1);
    const opened = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === file.path;
        } catch {
          return false;
        }
      }).length;
    const worker = startWorker(new URL('host-file-worker.ts', import.meta.url), file.fd);
    const mapped = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(mapped).toBe(1);
    expect(opened()).toBe(2);
    await worker.terminate();
    expect(opened()).toBe(1);
  });
});

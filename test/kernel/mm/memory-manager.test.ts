import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/platform/access.js';
import { OutOfMemoryError } from '../../../src/platform/errors.js';
import { PAGE_SIZE } from '../../../src/platform/file-range.js';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { Madvise, MREMAP_FIXED, MREMAP_MAYMOVE } from '../../../src/kernel/abi/mman.js';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { madvise, mincore } from '../../../src/kernel/mm/advice.js';
import { forkMemory } from '../../../src/kernel/mm/fork-memory.js';
import type { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { mprotect, munmap } from '../../../src/kernel/mm/mmap.js';
import { mremap } from '../../../src/kernel/mm/mremap.js';
import { setBrk } from '../../../src/kernel/mm/program-break.js';
import { ResourceLimits, Rlimit } from '../../../src/kernel/task/resource-limits.js';
import { FakeAddressSpace, FakeMemory } from '../fake-platform.js';
import { FakeFile, makeMm, map } from './mm-fixture.js';

const MAPERR = { signo: 11, code: 1 };
const ACCERR = { signo: 11, code: 2 };
const BUS = { signo: 7, code: 2 };
const KIB = 1024;
const MIB = 1024 * KIB;

function bytesAt(mm: ReturnType<typeof makeMm>['mm'], address: number, length = 4): number[] {
  const bytes = new Uint8Array(length);
  expect(mm.copyIn(address, bytes)).toBe(length);
  return [...bytes];
}

describe('faults', () => {
  it('tells an unmapped address from one that is not permitted', () => {
    const { mm } = makeMm();
    const start = map(mm, { access: Access.Read });
    expect(mm.handleFault(start + 2 * MIB, Access.Read)).toEqual(MAPERR);
    expect(mm.handleFault(0, Access.Read)).toEqual(MAPERR);
    expect(mm.handleFault(start, Access.Write)).toEqual(ACCERR);
    expect(mm.handleFault(start, Access.Execute)).toEqual(ACCERR);
    expect(mm.handleFault(start, Access.Read)).toBe(0);
    expect(mm.handleFault(2 ** 64, Access.Read)).toEqual(MAPERR);
  });

  it('populates more with every sequential fault', () => {
    const { mm, space } = makeMm();
    const start = map(mm, { length: 4 * MIB });
    mm.handleFault(start, Access.Write);
    expect(space.mapped).toBe((64 * KIB) / PAGE_SIZE);
    mm.handleFault(start + 64 * KIB, Access.Write);
    expect(space.mapped).toBe((128 * KIB) / PAGE_SIZE);
    mm.handleFault(start + 128 * KIB, Access.Write);
    expect(space.mapped).toBe((256 * KIB) / PAGE_SIZE);
  });

  it('falls back to one page where memory is nearly gone, then kills', () => {
    const memory = new FakeMemory(2 * PAGE_SIZE);
    const { mm } = makeMm(memory);
    const start = map(mm, { length: 64 * KIB, noReserve: true });
    expect(mm.handleFault(start, Access.Write)).toBe(0);
    expect(mm.handleFault(start + PAGE_SIZE, Access.Write)).toBe(0);
    expect(mm.handleFault(start + 2 * PAGE_SIZE, Access.Write)).toMatchObject({ signo: 9 });
    mm.release();
    expect(memory.allocated).toBe(0);
  });

  it('grows a stack within its limit and not into its guard gap', () => {
    const { mm } = makeMm();
    const top = mm.layout.stackTop;
    const attributes = { access: 3, maxAccess: 7, shared: false, noReserve: false, image: false };
    mm.insertVma(top - 64 * KIB, top, { ...attributes, growsDown: true, file: undefined }, 0);
    expect(mm.handleFault(top - MIB, Access.Write)).toBe(0);
    expect(mm.handleFault(top - 9 * MIB, Access.Write)).toEqual(MAPERR);
    map(mm, { address: top - 4 * MIB, placement: 'fixed' });
    expect(mm.handleFault(top - 4 * MIB + 2 * PAGE_SIZE, Access.Write)).toEqual(MAPERR);
    expect(mm.handleFault(top - 3 * MIB + PAGE_SIZE, Access.Write)).toBe(0);
  });
});

describe('mappings of files', () => {
  it('shares frames until a private mapping is written', () => {
    const { mm, memory } = makeMm();
    const file = new FakeFile(memory, 40);
    const start = map(mm, { length: 40 * PAGE_SIZE, file: file.mapped });
    const before = memory.allocated;
    expect(bytesAt(mm, start + 5 * PAGE_SIZE)).toEqual([6, 6, 6, 6]);
    expect(memory.allocated).toBe(before);
    expect(mm.copyOut(start + 5 * PAGE_SIZE + 1, Uint8Array.of(99))).toBe(1);
    expect(bytesAt(mm, start + 5 * PAGE_SIZE)).toEqual([6, 99, 6, 6]);
    expect(file.contents(5)[1]).toBe(6);
    expect(bytesAt(mm, start + 4 * PAGE_SIZE)).toEqual([5, 5, 5, 5]);
  });

  it('writes a shared mapping through to the file', () => {
    const { mm, memory } = makeMm();
    const file = new FakeFile(memory, 4);
    const start = map(mm, { length: 4 * PAGE_SIZE, file: file.mapped, shared: true });
    expect(bytesAt(mm, start)).toEqual([1, 1, 1, 1]);
    expect(mm.copyOut(start, Uint8Array.of(7))).toBe(1);
    expect(file.contents(0)[0]).toBe(7);
  });

  it('gives SIGBUS beyond the end of the file', () => {
    const { mm, memory } = makeMm();
    const file = new FakeFile(memory, 1);
    const start = map(mm, { length: 3 * PAGE_SIZE, file: file.mapped });
    expect(mm.handleFault(start + PAGE_SIZE, Access.Read)).toEqual(BUS);
    expect(mm.handleFault(start + PAGE_SIZE, Access.Write)).toEqual(BUS);
    expect(mm.handleFault(start, Access.Read)).toBe(0);
  });

  it('gives up pages of a truncated file', () => {
    const { mm, memory } = makeMm();
    const file = new FakeFile(memory, 4);
    const start = map(mm, { length: 4 * PAGE_SIZE, file: file.mapped });
    expect(bytesAt(mm, start + 3 * PAGE_SIZE)).toEqual([4, 4, 4, 4]);
    file.pageCount = 2;
    for (const observer of file.observers) observer.invalidate(2 * PAGE_SIZE, Infinity, true);
    expect(mm.handleFault(start + 3 * PAGE_SIZE, Access.Read)).toEqual(BUS);
    expect(bytesAt(mm, start)).toEqual([1, 1, 1, 1]);
  });

  it('has what is in memory of an image at once, where that costs less than faults', () => {
    const { mm, memory, space } = makeMm();
    const file = new FakeFile(memory, 40, new Set([3, 4, 5, 20])).mapped;
    const address = 0x40_0000;
    const segment = { address, length: 40 * PAGE_SIZE, image: true, access: 5, file };
    map(mm, { ...segment, placement: 'fixed' });
    expect(space.mapped).toBe(0);
    space.prefersPrecommit = true;
    map(mm, { ...segment, placement: 'fixed' });
    expect(space.mapped).toBe(4);
    expect(space.accessAt(address + 20 * PAGE_SIZE)).toBe(5);
    map(mm, { ...segment, access: 3, placement: 'fixed' });
    map(mm, { ...segment, address: 0 });
    map(mm, { ...segment, image: false, placement: 'fixed' });
    expect(space.mapped).toBe(0);
    space.capacity = 2;
    map(mm, { ...segment, placement: 'fixed' });
    expect(space.mapped).toBe(2);
    space.capacity = Infinity;
    // In pieces of a page each: as many as a fault may map.
    const { mapped } = new FakeFile(memory, 400);
    map(mm, { ...segment, length: 400 * PAGE_SIZE, placement: 'fixed', file: mapped });
    expect(space.mapped).toBe(128);
    mm.release();
  });

  it('has its page where there are no tables for those around it', () => {
    const { mm, memory, space } = makeMm();
    const file = new FakeFile(memory, 100);
    const start = map(mm, {
      address: 0x4000_0000,
      length: 100 * PAGE_SIZE,
      access: Access.Read,
      placement: 'fixed',
      file: file.mapped,
    });
    space.capacity = 40;
    expect(mm.handleFault(start, Access.Read)).toBe(0);
    expect(space.mapped).toBe(40);
    space.capacity = 0;
    expect(mm.handleFault(start + 60 * PAGE_SIZE, Access.Read)).toMatchObject({ signo: 9 });
  });

  it('copies more of an image that is written at once, the more of it has been', () => {
    const { mm, memory } = makeMm();
    const file = new FakeFile(memory, 200);
    // Windows are the file's: here its third page is the first that is mapped.
    const start = map(mm, {
      length: 198 * PAGE_SIZE,
      offset: 2 * PAGE_SIZE,
      image: true,
      file: file.mapped,
    });
    const copied: number[] = [];
    for (let page = 2; page < 200; page++) {
      const before = memory.allocated;
      mm.handleFault(start + (page - 2) * PAGE_SIZE, Access.Write);
      if (memory.allocated > before) copied.push((memory.allocated - before) / PAGE_SIZE);
    }
    expect(copied).toEqual([14, 16, 32, 64, 64, 8]);
    for (const page of [2, 15, 16, 199]) {
      expect(bytesAt(mm, start + (page - 2) * PAGE_SIZE)).toEqual(new Array(4).fill(page + 1));
    }
  });

  it.each([
    ['that was not there', false],
    ['that was read', true],
  ])('copies the page alone where there is no more memory, one %s', (_, isRead) => {
    const memory = new FakeMemory((512 + 64 + 20) * PAGE_SIZE);
    const { mm } = makeMm(memory);
    const file = new FakeFile(memory, 512);
    const start = map(mm, { length: 512 * PAGE_SIZE, image: true, file: file.mapped });
    for (let page = 0; isRead && page < 512; page++) {
      expect(mm.handleFault(start + page * PAGE_SIZE, Access.Read)).toBe(0);
    }
    for (let page = 0; page < 64; page++) {
      expect(mm.handleFault(start + page * PAGE_SIZE, Access.Write)).toBe(0);
    }
    for (let page = 64; page < 84; page++) {
      expect(mm.handleFault(start + page * PAGE_SIZE, Access.Write)).toBe(0);
    }
    expect(mm.handleFault(start + 84 * PAGE_SIZE, Access.Write)).toMatchObject({ signo: 9 });
    mm.release();
  });

  it('refuses what the descriptor does not allow', () => {
    const { mm, memory } = makeMm();
    const file = new FakeFile(memory, 1).mapped;
    const readOnly = { ...file, writable: false };
    expect(map(mm, { file: readOnly, shared: true, access: 3 })).toBe(-Errno.EACCES);
    expect(map(mm, { file: { ...file, readable: false } })).toBe(-Errno.EACCES);
    expect(map(mm, { file: { ...file, noExecute: true }, access: 5 })).toBe(-Errno.EPERM);
    const shared = map(mm, { file: readOnly, shared: true, access: 1 });
    expect(mprotect(mm, shared, PAGE_SIZE, 3)).toBe(-Errno.EACCES);
  });
});

describe('mprotect', () => {
  it('keeps contents through a time without access', () => {
    const { mm, space } = makeMm();
    const start = map(mm, { length: 16 * PAGE_SIZE });
    mm.copyOut(start, Uint8Array.of(1, 2, 3, 4));
    expect(mprotect(mm, start, PAGE_SIZE, 0)).toBe(0);
    expect(space.accessAt(start)).toBe(0);
    expect(mm.handleFault(start, Access.Read)).toEqual(ACCERR);
    expect(mprotect(mm, start, PAGE_SIZE, 1)).toBe(0);
    expect(bytesAt(mm, start)).toEqual([1, 2, 3, 4]);
    expect(mm.copyOut(start, Uint8Array.of(9))).toBe(0);
    expect(mprotect(mm, start, 16 * PAGE_SIZE, 3)).toBe(0);
    expect(mm.vmas.count).toBe(1);
  });

  it('changes what lies before a hole and then gives ENOMEM', () => {
    const { mm } = makeMm();
    const start = map(mm, { length: 3 * PAGE_SIZE });
    munmap(mm, start + PAGE_SIZE, PAGE_SIZE);
    expect(mprotect(mm, start, 3 * PAGE_SIZE, 1)).toBe(-Errno.ENOMEM);
    expect(mm.handleFault(start, Access.Write)).toEqual(ACCERR);
    expect(mm.handleFault(start + 2 * PAGE_SIZE, Access.Write)).toBe(0);
  });
});

describe('mremap', () => {
  it('grows in place where there is room, moves where there is none', () => {
    const { mm } = makeMm();
    const start = map(mm, { length: 8 * PAGE_SIZE });
    munmap(mm, start + 4 * PAGE_SIZE, 4 * PAGE_SIZE);
    mm.copyOut(start, Uint8Array.of(5, 6, 7, 8));
    expect(mremap(mm, start, 4 * PAGE_SIZE, 6 * PAGE_SIZE, 0, 0)).toBe(start);
    map(mm, { address: start + 6 * PAGE_SIZE, placement: 'fixed', access: 1 });
    expect(mremap(mm, start, 6 * PAGE_SIZE, 64 * PAGE_SIZE, 0, 0)).toBe(-Errno.ENOMEM);
    const moved = mremap(mm, start, 6 * PAGE_SIZE, 64 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
    expect(moved).toBeGreaterThan(0);
    expect(bytesAt(mm, moved)).toEqual([5, 6, 7, 8]);
    expect(mm.handleFault(start, Access.Read)).toEqual(MAPERR);
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    const fixed = moved - 100 * MIB;
    expect(mremap(mm, moved, 64 * PAGE_SIZE, PAGE_SIZE, flags, fixed)).toBe(fixed);
    expect(bytesAt(mm, fixed)).toEqual([5, 6, 7, 8]);
    expect(mremap(mm, fixed, 0, PAGE_SIZE, MREMAP_MAYMOVE, 0)).toBe(-Errno.EINVAL);
    expect(mremap(mm, moved, PAGE_SIZE, PAGE_SIZE, 0, 0)).toBe(-Errno.EFAULT);
  });
});

describe('brk, madvise, mincore', () => {
  it('moves the break both ways and gives the old one where it cannot', () => {
    const { mm, memory } = makeMm();
    mm.startBrk = 0x10000000;
    mm.brk = 0x10000000;
    expect(setBrk(mm, 0)).toBe(0x10000000);
    expect(setBrk(mm, 0x10000000 + 100)).toBe(0x10000064);
    expect(mm.copyOut(0x10000000, Uint8Array.of(1))).toBe(1);
    expect(setBrk(mm, 0x10021000)).toBe(0x10021000);
    expect([...mm.describe()].map((vma) => vma.name)).toEqual(['[heap]']);
    expect(setBrk(mm, 2 ** 50)).toBe(0x10021000);
    expect(setBrk(mm, 0x10000000)).toBe(0x10000000);
    expect(memory.allocated).toBe(0);
  });

  it('drops pages so that they read as zero again', () => {
    const { mm } = makeMm();
    const start = map(mm, { length: 4 * PAGE_SIZE });
    mm.copyOut(start, Uint8Array.of(1, 1, 1, 1));
    expect(madvise(mm, start, PAGE_SIZE, Madvise.DontNeed)).toBe(0);
    expect(bytesAt(mm, start)).toEqual([0, 0, 0, 0]);
    expect(madvise(mm, start, 8 * PAGE_SIZE, Madvise.DontNeed)).toBe(-Errno.ENOMEM);
    expect(madvise(mm, start + 1, PAGE_SIZE, Madvise.DontNeed)).toBe(-Errno.EINVAL);
    expect(madvise(mm, start, PAGE_SIZE, 77)).toBe(-Errno.EINVAL);
    expect(madvise(mm, start, 2 ** 60, Madvise.DontNeed)).toBe(-Errno.ENOMEM);
  });

  it('says which pages are resident', () => {
    const { mm } = makeMm();
    const start = map(mm, { length: 64 * PAGE_SIZE });
    const out = map(mm, { access: 3, shared: true });
    mm.handleFault(start + 20 * PAGE_SIZE, Access.Write);
    expect(mincore(mm, start, 64 * PAGE_SIZE, out)).toBe(0);
    const resident = bytesAt(mm, out, 64);
    expect(resident[20]).toBe(1);
    expect(resident[63]).toBe(0);
    expect(mincore(mm, start, 2 ** 62, out)).toBe(-Errno.ENOMEM);
  });
});

describe('bounds', () => {
  it('refuses wild addresses and lengths as Linux does', () => {
    const { mm } = makeMm();
    expect(map(mm, { length: 0 })).toBe(-Errno.EINVAL);
    expect(map(mm, { length: 2 ** 63 })).toBe(-Errno.ENOMEM);
    expect(map(mm, { address: 0, placement: 'fixed' })).toBe(-Errno.EPERM);
    expect(map(mm, { address: 2 ** 47, placement: 'fixed' })).toBe(-Errno.ENOMEM);
    expect(map(mm, { address: 4097, placement: 'fixed' })).toBe(-Errno.EINVAL);
    expect(map(mm, { length: 2 ** 40 })).toBe(-Errno.ENOMEM);
    expect(map(mm, { length: 2 ** 40, noReserve: true })).toBeGreaterThan(0);
    expect(munmap(mm, 2 ** 63, PAGE_SIZE)).toBe(-Errno.EINVAL);
    expect(munmap(mm, 0, 0)).toBe(-Errno.EINVAL);
    expect(mm.copyIn(2 ** 63, new Uint8Array(8))).toBe(0);
    expect(mm.readCString(2 ** 63, 10)).toBe(-Errno.EFAULT);
  });

  it('keeps to RLIMIT_AS', () => {
    const { mm } = makeMm();
    mm.limits.set(Rlimit.As, { soft: MIB, hard: MIB });
    expect(map(mm, { length: 2 * MIB })).toBe(-Errno.ENOMEM);
    const start = map(mm, { length: MIB });
    expect(start).toBeGreaterThan(0);
    expect(map(mm, { address: start, length: MIB, placement: 'fixed' })).toBe(start);
  });

  it('reads strings across pages, to the limit and not beyond', () => {
    const { mm } = makeMm();
    const start = map(mm, { length: 2 * PAGE_SIZE });
    const text = 'x'.repeat(500);
    mm.copyOut(start + PAGE_SIZE - 250, Buffer.from(`${text}\0`));
    expect(mm.readCString(start + PAGE_SIZE - 250, 500)).toBe(text);
    expect(mm.readCString(start + PAGE_SIZE - 250, 499)).toBe(-Errno.ENAMETOOLONG);
    mm.copyOut(start + 2 * PAGE_SIZE - 2, Buffer.from('ab'));
    expect(mm.readCString(start + 2 * PAGE_SIZE - 2, 500)).toBe(-Errno.EFAULT);
  });

  it.each(['mprotect', 'madvise', 'mremap', 'fork'])(
    'lets %s make no records without end in the memory of the host',
    async (way) => {
      const { mm, memory } = makeMm();
      const pages = 400_000;
      const start = map(mm, { length: pages * PAGE_SIZE, noReserve: true });
      const ways: Record<string, (at: number) => number | Promise<number>> = {
        mprotect: (at) => mprotect(mm, at, PAGE_SIZE, 1),
        madvise: (at) => madvise(mm, at, PAGE_SIZE, Madvise.DontFork),
        mremap: (at) => Math.min(mremap(mm, at, 2 * PAGE_SIZE, PAGE_SIZE, 0, 0), 0),
        fork: async () => {
          for (let at = 1; at < 2000; at += 2) mprotect(mm, start + at * PAGE_SIZE, PAGE_SIZE, 1);
          children.push(await forkMemory(mm, new FakeAddressSpace(memory), new ResourceLimits()));
          return 0;
        },
      };
      const children: MemoryManager[] = [];
      const held = KernelMemory.of(memory);
      const until = async (): Promise<void> => {
        for (let page = 1; page < pages; page += 2) {
          const result = ways[way]?.(start + page * PAGE_SIZE);
          if ((typeof result === 'number' ? result : await result) !== 0)
            throw new OutOfMemoryError('refused');
        }
      };
      await expect(until()).rejects.toThrow(OutOfMemoryError);
      expect(held.held).toBeGreaterThan(held.limit / 2);
      for (const child of children) child.release();
      mm.release();
      expect(held.held).toBe(0);
    },
  );

  it('gives every frame and every observer back', () => {
    const { mm, memory, space } = makeMm();
    const file = new FakeFile(memory, 8);
    const before = memory.allocated;
    const start = map(mm, { length: 8 * PAGE_SIZE, file: file.mapped });
    mprotect(mm, start + PAGE_SIZE, PAGE_SIZE, 1);
    mm.copyOut(start, Uint8Array.of(1));
    mm.copyIn(start + 7 * PAGE_SIZE, new Uint8Array(1));
    const shared = map(mm, { length: MIB, shared: true });
    mm.copyOut(shared, new Uint8Array(MIB));
    mm.release();
    mm.release();
    expect(memory.allocated).toBe(before);
    expect(file.observers.size).toBe(0);
    expect(space.released).toBe(true);
  });
});

/** Contents in pages: what is written is read, mapped and given back, whatever the offsets. */
import { describe, expect, test } from 'vitest';
import { FileData } from '../../../src/kernel/fs/file-data.js';
import { offerPages } from '../../../src/kernel/fs/page-reclaim.js';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { MemoryKind } from '../../../src/platform/contract.js';
import { PAGE_SIZE } from '../../../src/platform/file-range.js';
import { FakeMemory } from './fake-memory.js';

/** Numbers below `limit`, the same in each run (a linear congruential generator). */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

const LONGEST = 20 * PAGE_SIZE;

function backingOf(contents: Buffer): ConstructorParameters<typeof FileData>[2] {
  return {
    pread: (dst, offset) => {
      const part = contents.subarray(offset, offset + dst.length);
      dst.set(part);
      return part.length;
    },
  };
}

/** A page as a mapping sees it. */
function mappedPage(data: FileData, memory: FakeMemory, page: number): Buffer | undefined {
  const range = data.pageAt(page * PAGE_SIZE, PAGE_SIZE, false);
  if (range === undefined || typeof range === 'number') {
    return undefined;
  }
  return Buffer.concat(memory.mapInternal({ start: range.start, end: range.start + PAGE_SIZE }));
}

describe.each([
  ['in memory', 0],
  ['over a host file', 9 * PAGE_SIZE + 123],
])('%s', (_name, backed) => {
  test.each([1, 2, 3, 4, 5])('agrees with a plain buffer, seed %i', (seed) => {
    const random = generator(seed);
    const memory = new FakeMemory();
    const host = Buffer.alloc(backed, 'host file contents ');
    const data = new FileData(memory, MemoryKind.Tmpfs, backingOf(host));
    data.setBackedSize(backed);
    let model = Buffer.from(host);
    for (let step = 0; step < 400; step++) {
      const offset = random(LONGEST);
      const length = 1 + random(random(3) === 0 ? 3 * PAGE_SIZE : 300);
      switch (random(4)) {
        case 0: {
          const bytes = Buffer.alloc(length, String(step));
          expect(data.write(bytes, offset)).toBe(length);
          const grown = Buffer.alloc(Math.max(model.length, offset + length));
          model.copy(grown);
          bytes.copy(grown, offset);
          model = grown;
          break;
        }
        case 1: {
          if (random(4) === 0) {
            const shorter = Buffer.alloc(offset);
            model.copy(shorter);
            model = shorter;
            data.truncate(offset);
          }
          break;
        }
        case 2: {
          const page = Math.floor(offset / PAGE_SIZE);
          const expected = Buffer.alloc(PAGE_SIZE);
          expected.set(model.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
          const seen = mappedPage(data, memory, page);
          if (page * PAGE_SIZE >= model.length) {
            expect(seen).toBeUndefined();
          } else {
            expect(seen?.equals(expected)).toBe(true);
          }
          break;
        }
        default: {
          const out = Buffer.alloc(length);
          const count = data.read(out, offset);
          expect(count).toBe(Math.max(0, Math.min(length, model.length - offset)));
          expect(out.subarray(0, count).equals(model.subarray(offset, offset + count))).toBe(true);
        }
      }
      expect(data.size).toBe(model.length);
    }
    data.dispose();
    expect(memory.allocated).toBe(0);
  });
});

test('observers are told when pages go away', () => {
  const memory = new FakeMemory();
  const data = new FileData(memory, MemoryKind.Tmpfs);
  data.write(Buffer.alloc(5 * PAGE_SIZE, 1), 0);
  const told: unknown[] = [];
  const observer = {
    fileStart: 0,
    fileEnd: 5 * PAGE_SIZE,
    sharedWritable: true,
    invalidate: (...args: unknown[]) => told.push(args),
  };
  data.attach(observer);
  data.truncate(2 * PAGE_SIZE + 1);
  expect(told).toEqual([[3 * PAGE_SIZE, 5 * PAGE_SIZE, true]]);
  data.detach(observer);
  expect(data.isMapped).toBe(false);
});

test('pages a shared mapping wrote go to the host', () => {
  const memory = new FakeMemory();
  const host = Buffer.alloc(3 * PAGE_SIZE, 'a');
  const data = new FileData(memory, MemoryKind.PageCache, {
    pread: (dst, offset) => host.copy(dst, 0, offset, offset + dst.length),
    pwrite: (src, offset) => Buffer.from(src).copy(host, offset),
  });
  data.setBackedSize(host.length);
  const range = data.pageAt(PAGE_SIZE, PAGE_SIZE, true);
  if (range === undefined || typeof range === 'number') {
    throw new Error('no page');
  }
  memory.mapInternal({ start: range.start, end: range.start + 10 })[0]?.fill(0x62);
  expect(data.sync(0, Infinity)).toBe(0);
  expect(host.toString('latin1', PAGE_SIZE - 1, PAGE_SIZE + 6)).toBe('abbbbba');
});

test('pages that repeat host files make room when memory is short', () => {
  const memory = new FakeMemory(64 * PAGE_SIZE);
  const cached = new FileData(
    memory,
    MemoryKind.PageCache,
    backingOf(Buffer.alloc(40 * PAGE_SIZE)),
  );
  cached.setBackedSize(40 * PAGE_SIZE);
  cached.pageAt(0, 40 * PAGE_SIZE, false);
  expect(memory.allocated).toBe(40 * PAGE_SIZE);
  offerPages(memory, {
    reclaim: () => {
      cached.invalidate();
    },
  });
  const data = new FileData(memory, MemoryKind.Tmpfs);
  const bytes = Buffer.alloc(50 * PAGE_SIZE, 1);
  expect(data.write(bytes, 0)).toBe(bytes.length);
  expect(data.write(bytes, bytes.length)).toBe(-Errno.ENOSPC);
});

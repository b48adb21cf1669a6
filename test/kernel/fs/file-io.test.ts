/** Reading and writing as Linux does it, errors and wild arguments included. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fileRows } from '../../../src/kernel/syscalls/file-families.js';
import { Rlimit } from '../../../src/kernel/task/resource-limits.js';
import { Guest, HostTree, MEMORY_SIZE, MEMORY_START, WILD } from './guest.js';

let host: HostTree;
let guest: Guest;
const MEMORY_END = MEMORY_START + MEMORY_SIZE;

beforeEach(() => {
  host = new HostTree();
  mkdirSync(host.at('dir'));
  writeFileSync(host.at('file'), Buffer.alloc(1000, '0123456789'));
  guest = new Guest({ rootfs: host.path });
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

describe('errors', () => {
  test('of descriptors', () => {
    const reading = guest.ok('open', '/file', 0, 0);
    const writing = guest.ok('open', '/file', 1, 0);
    const place = guest.ok('open', '/file', 0o10000000, 0);
    for (const fd of [-1, 1000, 2 ** 31, writing, place]) {
      expect(guest.call('read', fd, MEMORY_START, 1)).toBe('EBADF');
    }
    for (const fd of [-1, 1000, reading, place]) {
      expect(guest.call('write', fd, MEMORY_START, 1)).toBe('EBADF');
    }
    expect(guest.call('lseek', place, 0, 0)).toBe('EBADF');
    expect(guest.ok('fstat', place, MEMORY_START)).toBe(0);
  });

  test('of a file that would be larger than RLIMIT_FSIZE allows', () => {
    const fd = guest.ok('open', '/file', 2, 0);
    guest.task.process.limits.set(Rlimit.Fsize, { soft: 1500, hard: Infinity });
    expect(guest.ok('pwrite64', fd, MEMORY_START, 100, 1450)).toBe(50);
    expect(guest.call('pwrite64', fd, MEMORY_START, 100, 1500)).toBe('EFBIG');
    expect(guest.call('ftruncate', fd, 1501)).toBe('EFBIG');
    expect(guest.call('truncate', '/file', 1501)).toBe('EFBIG');
    expect(guest.call('fallocate', fd, 0, 1000, 1000)).toBe('EFBIG');
    guest.task.process.limits.set(Rlimit.Fsize, { soft: 10, hard: Infinity });
    expect(guest.ok('ftruncate', fd, 1400)).toBe(0);
  });

  test('of directories', () => {
    const fd = guest.ok('open', '/dir', 0, 0);
    expect(guest.call('read', fd, MEMORY_START, 10)).toBe('EISDIR');
    expect(guest.call('pread64', fd, MEMORY_START, 10, 0)).toBe('EISDIR');
    expect(guest.call('open', '/dir', 1, 0)).toBe('EISDIR');
    expect(guest.call('open', '/dir', 0o101, 0)).toBe('EISDIR');
    expect(guest.call('open', '/file', 0o200000, 0)).toBe('ENOTDIR');
    expect(guest.call('openat', guest.ok('open', '/file', 0, 0), 'x', 0, 0)).toBe('ENOTDIR');
    expect(guest.call('openat', 99, 'x', 0, 0)).toBe('EBADF');
    expect(guest.call('open', '/file', 0o301, 0)).toBe('EEXIST');
  });

  test('of pointers', () => {
    const fd = guest.ok('open', '/file', 2, 0);
    expect(guest.call('read', fd, WILD, 10)).toBe('EFAULT');
    expect(guest.call('write', fd, WILD, 10)).toBe('EFAULT');
    expect(guest.call('open', WILD, 0, 0)).toBe('EFAULT');
    expect(guest.call('stat', '/file', WILD)).toBe('EFAULT');
    expect(guest.call('pipe', WILD)).toBe('EFAULT');
    expect(guest.call('readv', fd, WILD, 1)).toBe('EFAULT');
    expect(guest.call('readv', fd, MEMORY_START, 1025)).toBe('EINVAL');
    expect(guest.call('pread64', fd, MEMORY_START, 1, -1)).toBe('EINVAL');
    expect([...guest.task.files.descriptors()]).toEqual([fd]);
  });

  test('a fault midway gives what was done before it', () => {
    const fd = guest.ok('open', '/file', 2, 0);
    expect(guest.ok('read', fd, MEMORY_END - 100, 1000)).toBe(100);
    expect(guest.ok('lseek', fd, 0, 1)).toBe(100);
    expect(guest.ok('write', fd, MEMORY_END - 10, 1000)).toBe(10);
    expect(guest.ok('lseek', fd, 0, 1)).toBe(110);
  });

  test('huge lengths cost nothing', async () => {
    const fd = guest.ok('open', '/file', 2, 0);
    const huge = 2n ** 62n;
    const large = 2n ** 46n;
    expect(guest.call('read', fd, MEMORY_START, huge)).toBe('EFAULT');
    expect(guest.ok('read', fd, MEMORY_START, large)).toBe(1000);
    const sink = guest.ok('open', '/dev/null', 1, 0);
    expect(await guest.async('write', sink, MEMORY_START, large)).toBe(MEMORY_SIZE);
    expect(guest.ok('pread64', fd, MEMORY_START, large, 2n ** 62n)).toBe(0);
    expect(guest.call('ftruncate', fd, huge)).toBe('EFBIG');
    expect(guest.call('poll', MEMORY_START, 0xffffffff, 0)).toBe('EINVAL');
  });
});

describe('a long transfer', () => {
  const PARTS = 96;
  const PART = 65536;

  /** A vector of 6 MiB, all of it in one place. */
  function vector(): number {
    const bytes = new BigUint64Array(PARTS * 2);
    for (let at = 0; at < bytes.length; at += 2) {
      bytes[at] = BigInt(MEMORY_START);
      bytes[at + 1] = BigInt(PART);
    }
    return guest.put(new Uint8Array(bytes.buffer));
  }

  test.each([
    ['readv', '/dev/zero'],
    ['writev', '/dev/null'],
  ])('by %s leaves turns to others', async (call, path) => {
    const fd = guest.ok('open', path, 2, 0);
    let turns = 0;
    const count = (): void => {
      turns++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    expect(await guest.async(call, fd, vector(), PARTS)).toBe(PARTS * PART);
    clearImmediate(next);
    expect(turns).toBeGreaterThan(1);
  });

  test('goes on where the slice before ended', async () => {
    const fd = guest.ok('open', '/new', 0o102, 0o644);
    expect(await guest.async('pwritev', fd, vector(), PARTS, 100, 0)).toBe(PARTS * PART);
    expect(guest.ok('lseek', fd, 0, 2)).toBe(PARTS * PART + 100);
    expect(await guest.async('preadv', fd, vector(), PARTS, 101, 0)).toBe(PARTS * PART - 1);
  });

  test('is cut short by a signal', async () => {
    const fd = guest.ok('open', '/dev/zero', 0, 0);
    const reading = guest.async('readv', fd, vector(), PARTS);
    guest.task.sendSignal(15);
    expect(await reading).toBe(2 * 1024 * 1024);
  });
});

test('lseek', () => {
  const fd = guest.ok('open', '/file', 0, 0);
  expect(guest.ok('lseek', fd, -10, 2)).toBe(990);
  expect(guest.ok('lseek', fd, 5, 1)).toBe(995);
  expect(guest.call('lseek', fd, -1, 0)).toBe('EINVAL');
  expect(guest.call('lseek', fd, 0, 9)).toBe('EINVAL');
  expect(guest.ok('lseek', fd, 10, 3)).toBe(10);
  expect(guest.ok('lseek', fd, 10, 4)).toBe(1000);
  expect(guest.call('lseek', fd, 1000, 3)).toBe('ENXIO');
  expect(guest.ok('lseek', fd, 5000, 0)).toBe(5000);
  expect(guest.ok('read', fd, MEMORY_START, 10)).toBe(0);
});

test('a file that grew by a seek has a hole of zeroes', () => {
  const fd = guest.ok('open', '/sparse', 0o102, 0o644);
  guest.ok('lseek', fd, 1_000_000_000, 0);
  guest.mm.copyOut(MEMORY_START, Buffer.from('x'));
  expect(guest.ok('write', fd, MEMORY_START, 1)).toBe(1);
  expect(guest.memory.allocated).toBe(4096);
  expect(guest.ok('pread64', fd, MEMORY_START, 3, 999_999_998)).toBe(3);
  expect(guest.get(MEMORY_START, 3).toString('latin1')).toBe('\0\0x');
});

test('appending writes at the end, wherever the position is', () => {
  const fd = guest.ok('open', '/file', 0o2001, 0);
  guest.mm.copyOut(MEMORY_START, Buffer.from('end'));
  guest.ok('lseek', fd, 0, 0);
  guest.ok('write', fd, MEMORY_START, 3);
  expect(guest.readFile('/file').slice(995)).toBe('56789end');
});

test('duplicates share the position, and the lowest descriptor is taken', () => {
  const fd = guest.ok('open', '/file', 0, 0);
  const copy = guest.ok('dup', fd);
  guest.ok('read', fd, MEMORY_START, 7);
  expect(guest.ok('lseek', copy, 0, 1)).toBe(7);
  expect(guest.ok('dup2', fd, 100)).toBe(100);
  guest.ok('close', fd);
  expect(guest.ok('fcntl', copy, 1030, 50)).toBe(50);
  expect(guest.ok('fcntl', 50, 1, 0)).toBe(1);
  expect(guest.ok('open', '/file', 0, 0)).toBe(fd);
  expect(guest.call('dup2', 100, 5000)).toBe('EBADF');
  expect(guest.call('fcntl', 100, 0, 5000)).toBe('EINVAL');
  guest.task.files.closeOnExec();
  expect([...guest.task.files.descriptors()]).toEqual([fd, copy, 100]);
});

test('descriptors are limited', () => {
  let result: number | string = 0;
  for (let n = 0; n <= 1024; n++) {
    result = guest.call('open', '/file', 0, 0);
  }
  expect(result).toBe('EMFILE');
  expect(guest.call('pipe', MEMORY_START)).toBe('EMFILE');
  expect(guest.call('dup', 3)).toBe('EMFILE');
});

test('every call survives wild arguments', async () => {
  const values = [
    0n,
    1n,
    2n,
    3n,
    5n,
    8n,
    255n,
    4096n,
    -1n,
    -100n,
    0x7fffffffn,
    0x80000000n,
    0xffffffffn,
    2n ** 31n,
    2n ** 47n,
    2n ** 62n,
    2n ** 63n - 1n,
    2n ** 63n,
    2n ** 64n - 4096n,
    BigInt(MEMORY_START),
    BigInt(MEMORY_START + 8),
    BigInt(MEMORY_END - 8),
    BigInt(WILD),
  ];
  let state = 12345;
  const pick = (): bigint => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return values[(state >>> 8) % values.length] ?? 0n;
  };
  for (const row of fileRows) {
    for (let round = 0; round < 60; round++) {
      // Calls before this one may have removed any of them.
      guest.task.files.closeAll();
      guest.task.fsContext.root = guest.task.fsContext.namespace.root;
      guest.call('open', '/file', 0o102, 0o644);
      guest.call('pipe2', MEMORY_START, 0o4000);
      guest.call('open', '/dir', 0, 0);
      guest.call('open', '/dev/null', 2, 0);
      guest.mm.copyOut(MEMORY_START, Buffer.from('/file\0dir\0\0\0'));
      const args = [pick(), pick(), pick(), pick(), pick(), pick()];
      const result = guest.async(row.name, ...args);
      if (typeof result === 'number') {
        expect(Number.isSafeInteger(result), row.name).toBe(true);
        expect(result, row.name).toBeGreaterThan(-134);
      } else {
        // It waits, as it should: a signal ends that.
        guest.task.wake();
        void result.catch((error: unknown) => {
          expect(error, row.name).toBeUndefined();
        });
      }
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
});

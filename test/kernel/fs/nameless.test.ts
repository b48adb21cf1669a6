/** Files without a name and attributes: what they take is given back. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

const O_TMPFILE = 0o20200002;

let host: HostTree;
let guest: Guest;

beforeEach(() => {
  host = new HostTree();
  guest = new Guest({ rootfs: host.path });
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

test('a file that never got a name leaves nothing, one that did is counted once', () => {
  const memory = KernelMemory.of(guest.memory);
  const before = memory.held;
  const pages = guest.memory.allocated;
  const lost = guest.ok('open', '/dev/shm', O_TMPFILE, 0o600);
  guest.ok('write', lost, MEMORY_START, 10000);
  guest.ok('close', lost);
  expect([memory.held, guest.memory.allocated]).toEqual([before, pages]);
  const named = guest.ok('open', '/dev/shm', O_TMPFILE, 0o600);
  guest.ok('write', named, MEMORY_START, 10000);
  guest.ok('linkat', named, '', -100, '/dev/shm/name', 0x1000);
  guest.ok('close', named);
  guest.ok('unlink', '/dev/shm/name');
  expect([memory.held, guest.memory.allocated]).toEqual([before, pages]);
});

test('attributes go with what they belong to, and are no more than there is room for', () => {
  const memory = KernelMemory.of(guest.memory);
  guest.ok('mkdir', '/dev/shm/dir', 0o700);
  guest.writeFile('/dev/shm/file', '');
  const before = memory.held;
  for (const path of ['/dev/shm/dir', '/dev/shm/file']) {
    let count = 0;
    const set = (): number | string =>
      guest.call('setxattr', path, `user.${String(count)}`, MEMORY_START, 65536, 0);
    while (set() === 0) {
      count++;
    }
    expect(set()).toBe('ENOSPC');
    expect(count).toBeLessThan(64);
    guest.ok(path.endsWith('dir') ? 'rmdir' : 'unlink', path);
    expect(memory.held).toBeLessThan(before);
  }
});

test('a hole of a terabyte in an empty file takes no time and no memory', () => {
  const fd = guest.ok('open', '/dev/shm/sparse', 0o102, 0o600);
  guest.ok('ftruncate', fd, 2 ** 40);
  const pages = guest.memory.allocated;
  guest.ok('fallocate', fd, 3, 0, 2 ** 40);
  expect(guest.memory.allocated).toBe(pages);
});

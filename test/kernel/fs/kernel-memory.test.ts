/** What a guest makes the kernel hold in the host's own memory has a limit, and is given back. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

const MIB = 1024 * 1024;
const F_SETPIPE_SZ = 1031;

let host: HostTree;
let guest: Guest;
let held: KernelMemory;
let before: number;

beforeEach(() => {
  host = new HostTree();
  // A quarter of it is the kernel's.
  guest = new Guest({ rootfs: host.path, memoryLimit: 4 * MIB });
  held = KernelMemory.of(guest.memory);
  guest.task.files.countIn(held);
  before = held.held;
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

/** Calls `make` with 0, 1 and so on until it fails; how often it did not, and the error. */
function untilItFails(make: (n: number) => number | string): [count: number, error: string] {
  for (let n = 0; n < 10_000; n++) {
    const result = make(n);
    if (typeof result === 'string') return [n, result];
  }
  throw new Error('there is no end');
}

test('files', () => {
  const [count, error] = untilItFails((n) => guest.call('mknod', `/f${String(n)}`, 0o100644, 0));
  expect([count > 100, error]).toEqual([true, 'ENOSPC']);
  for (let n = 0; n < count; n++) guest.ok('unlink', `/f${String(n)}`);
  expect(held.held).toBe(before);
});

test('directories', () => {
  const [count, error] = untilItFails((n) => guest.call('mkdir', `/d${String(n)}`, 0o755));
  expect(error).toBe('ENOSPC');
  for (let n = 0; n < count; n++) guest.ok('rmdir', `/d${String(n)}`);
  expect(held.held).toBe(before);
});

test('hard links', () => {
  guest.writeFile('/file', '');
  const [count, error] = untilItFails((n) => guest.call('link', '/file', `/l${String(n)}`));
  expect([count > 100, error]).toEqual([true, 'ENOSPC']);
  for (let n = 0; n < count; n++) guest.ok('unlink', `/l${String(n)}`);
  guest.ok('unlink', '/file');
  expect(held.held).toBe(before);
});

test('the targets of symbolic links', () => {
  const target = 't'.repeat(4000);
  const [count, error] = untilItFails((n) => guest.call('symlink', target, `/l${String(n)}`));
  expect([count < 250, error]).toEqual([true, 'ENOSPC']);
  for (let n = 0; n < count; n++) guest.ok('unlink', `/l${String(n)}`);
  expect(held.held).toBe(before);
});

test('pipes', () => {
  const [count, error] = untilItFails(() => guest.call('pipe', MEMORY_START));
  expect([count, error]).toEqual([15, 'ENFILE']);
  guest.ok('close', 0);
  guest.ok('close', 1);
  expect(guest.call('fcntl', 2, F_SETPIPE_SZ, 131072)).toBe(131072);
  expect(guest.call('fcntl', 2, F_SETPIPE_SZ, 262144)).toBe('EPERM');
  guest.task.files.closeAll();
  expect(held.held).toBe(before);
});

test('texts of /proc', () => {
  Object.assign(guest.mm.program, { envStart: MEMORY_START, envEnd: MEMORY_START + 100_000 });
  const [count, error] = untilItFails(() => {
    const fd = guest.ok('open', '/proc/self/environ', 0, 0);
    return guest.call('read', fd, MEMORY_START, 1);
  });
  expect([count, error]).toEqual([10, 'ENOMEM']);
  guest.task.files.closeAll();
  expect(held.held).toBe(before);
});

test('an unlinked file is given back once, though it is opened again', () => {
  guest.writeFile('/prog', 'x');
  guest.ok('chmod', '/prog', 0o755);
  const program = guest.task.fsContext.openExecutable('/prog', guest.task);
  guest.task.process.executable = typeof program === 'number' ? undefined : program.location;
  if (typeof program !== 'number') program.close();
  guest.ok('unlink', '/prog');
  guest.ok('close', guest.ok('open', '/proc/self/exe', 0, 0));
  expect(held.held).toBe(before);
});

/** eventfd(2), timerfd_create(2), signalfd(2), epoll(7): what needs waiting, and what must not be left behind. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { Signo } from '../../../src/kernel/abi/signal.js';
import type { EpollFile } from '../../../src/kernel/fs/event/epoll-file.js';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { SignalSet } from '../../../src/kernel/signal/signal-set.js';
import { Guest, HostTree, MEMORY_START, WILD } from './guest.js';

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

function word(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function event(events: number, data = 0): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(events >>> 0, 0);
  bytes.writeUInt32LE(data, 4);
  return bytes;
}

const [ADD, DEL] = [1, 2];
const IN = 1;

describe('a counter', () => {
  test('wakes who reads, and who waits for room', async () => {
    const fd = guest.ok('eventfd2', 0, 0);
    const reading = guest.async('read', fd, MEMORY_START, 8);
    guest.ok('write', fd, word(2n ** 64n - 2n), 8);
    expect(await reading).toBe(8);
    guest.ok('write', fd, word(2n ** 64n - 2n), 8);
    const writing = guest.async('write', fd, word(1n), 8);
    guest.ok('read', fd, MEMORY_START, 8);
    expect(guest.get(MEMORY_START, 8).readBigUInt64LE()).toBe(2n ** 64n - 2n);
    expect(await writing).toBe(8);
  });

  test('counts carries between its halves', () => {
    const fd = guest.ok('eventfd2', 0xffffffff, 0);
    guest.ok('write', fd, word(1n), 8);
    guest.ok('read', fd, MEMORY_START, 8);
    expect(guest.get(MEMORY_START, 8).readBigUInt64LE()).toBe(2n ** 32n);
    const semaphore = guest.ok('eventfd2', 0, 1);
    guest.ok('write', semaphore, word(2n ** 32n), 8);
    guest.ok('read', semaphore, MEMORY_START, 8);
    expect(guest.task.files.get(semaphore)?.fdinfo()).toContain('ffffffff');
  });
});

describe('a timer', () => {
  const setting = (first: number, interval: number): Buffer => {
    const bytes = Buffer.alloc(32);
    bytes.writeBigInt64LE(BigInt(interval), 8);
    bytes.writeBigInt64LE(BigInt(first), 24);
    return bytes;
  };

  test('of a nanosecond does not hold up the event loop', async () => {
    const fd = guest.ok('timerfd_create', 1, 0);
    guest.ok('timerfd_settime', fd, 0, setting(1, 1), 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    guest.ok('read', fd, MEMORY_START, 8);
    expect(guest.get(MEMORY_START, 8).readBigUInt64LE()).toBeGreaterThan(1_000_000n);
    guest.ok('close', fd);
  });

  test('that is closed keeps nothing running', () => {
    const fd = guest.ok('timerfd_create', 1, 0);
    guest.ok('timerfd_settime', fd, 0, setting(1000, 1000), 0);
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    guest.ok('close', fd);
    const after = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    expect(after).toBe(before - 1);
  });
});

describe('signals that are read', () => {
  test('wake who waits, by a set as well', async () => {
    guest.task.setBlocked(SignalSet.of(Signo.SIGUSR1));
    const mask = Buffer.alloc(8);
    SignalSet.of(Signo.SIGUSR1).encode(mask);
    const fd = guest.ok('signalfd4', -1, mask, 8, 0);
    const set = guest.ok('epoll_create1', 0);
    guest.ok('epoll_ctl', set, ADD, fd, event(IN, 7));
    const waiting = guest.async('epoll_wait', set, MEMORY_START, 1, -1);
    const reading = guest.async('read', fd, MEMORY_START + 100, 128);
    guest.task.process.sendSignal(Signo.SIGUSR1);
    expect(await reading).toBe(128);
    expect(guest.get(MEMORY_START + 100, 4).readUInt32LE()).toBe(Signo.SIGUSR1);
    // Whoever read it was first: there is nothing to tell of any more.
    guest.task.sendSignal(Signo.SIGUSR1);
    expect(await waiting).toBe(1);
  });
});

describe('a set of descriptors', () => {
  test('wakes all who wait, and gives each event to one of them', async () => {
    const fd = guest.ok('eventfd2', 0, 1);
    const set = guest.ok('epoll_create1', 0);
    guest.ok('epoll_ctl', set, ADD, fd, event(0x80000001));
    const first = guest.async('epoll_wait', set, MEMORY_START, 1, 50);
    guest.ok('write', fd, word(1n), 8);
    expect(await first).toBe(1);
    expect(await guest.async('epoll_wait', set, MEMORY_START, 1, 5)).toBe(0);
  });

  test('loses no edge to a buffer that cannot be written', () => {
    const fd = guest.ok('eventfd2', 1, 0);
    const set = guest.ok('epoll_create1', 0);
    guest.ok('epoll_ctl', set, ADD, fd, event(0x80000001));
    expect(guest.call('epoll_wait', set, WILD, 1, 0)).toBe('EFAULT');
    expect(guest.ok('epoll_wait', set, MEMORY_START, 1, 0)).toBe(1);
  });

  test('lets go of what is closed, and of all when it is closed itself', () => {
    const memory = KernelMemory.of(guest.memory);
    const before = memory.held;
    const set = guest.ok('epoll_create1', 0);
    const fds = Array.from({ length: 10 }, () => guest.ok('eventfd2', 0, 0));
    for (const fd of fds) {
      guest.ok('epoll_ctl', set, ADD, fd, event(IN));
    }
    expect(memory.held).toBeGreaterThan(before);
    guest.ok('close', fds[0] ?? 0);
    const file = guest.task.files.get(set) as EpollFile;
    expect(file.fdinfo().split('\n')).toHaveLength(10);
    guest.ok('epoll_ctl', set, DEL, fds[1] ?? 0, 0);
    guest.ok('close', set);
    expect(memory.held).toBe(before);
    expect(guest.ok('write', fds[2] ?? 0, word(1n), 8)).toBe(8);
  });

  test('a signal ends the wait', async () => {
    const set = guest.ok('epoll_create1', 0);
    const waiting = guest.async('epoll_wait', set, MEMORY_START, 1, -1);
    guest.task.wake();
    expect(await waiting).toBe(-Errno.EINTR);
  });

  test('thousands of sets in each other are checked in no time', () => {
    const wide = Array.from({ length: 60 }, () => guest.ok('epoll_create1', 0));
    const layers = [wide.slice(0, 20), wide.slice(20, 40), wide.slice(40)];
    for (const [index, layer] of layers.entries()) {
      for (const outer of layers[index + 1] ?? []) {
        for (const inner of layer) {
          guest.ok('epoll_ctl', outer, ADD, inner, event(IN));
        }
      }
    }
    const [top = 0] = layers[2] ?? [];
    const [bottom = 0] = layers[0] ?? [];
    expect(guest.call('epoll_ctl', bottom, ADD, top, event(IN))).toBe('ELOOP');
  });
});

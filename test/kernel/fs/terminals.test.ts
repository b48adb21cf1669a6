/** Pseudo-terminals: what they take of the host, and input that no person types. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import { Guest, HostTree, MEMORY_START, WILD } from './guest.js';

const [TCSETS, TIOCSPTLCK, TIOCGPTN] = [0x5402, 0x40045431, 0x80045430];
const NONBLOCK = 0o4000;

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

/** Both ends, which do not wait. */
function openTerminal(): [number, number] {
  const master = guest.ok('open', '/dev/ptmx', 2 | NONBLOCK, 0);
  guest.ok('ioctl', master, TIOCSPTLCK, Buffer.alloc(4));
  guest.ok('ioctl', master, TIOCGPTN, MEMORY_START);
  const name = `/dev/pts/${String(guest.get(MEMORY_START, 4).readInt32LE())}`;
  return [master, guest.ok('open', name, 2 | NONBLOCK, 0)];
}

function type(master: number, bytes: Buffer): number | string {
  guest.mm.copyOut(MEMORY_START, bytes);
  return guest.call('write', master, MEMORY_START, bytes.length);
}

describe('a pseudo-terminal', () => {
  test('cannot be opened before it is unlocked, nor once its master is closed', () => {
    const master = guest.ok('open', '/dev/ptmx', 2, 0);
    expect(guest.list('/dev/pts')).toContain('0');
    expect(guest.call('open', '/dev/pts/0', 2, 0)).toBe('EIO');
    guest.ok('close', master);
    expect(guest.call('open', '/dev/pts/0', 2, 0)).toBe('ENOENT');
  });

  test('gives back what it took, and its number', () => {
    const memory = KernelMemory.of(guest.memory);
    const before = memory.held;
    const [master, slave] = openTerminal();
    guest.ok('close', slave);
    guest.ok('close', master);
    expect(memory.held).toBe(before);
    const [again] = openTerminal();
    guest.ok('ioctl', again, TIOCGPTN, MEMORY_START);
    expect(guest.get(MEMORY_START, 4).readInt32LE()).toBe(0);
  });

  test('are as many as the kernel has memory for', () => {
    const small = new Guest({ rootfs: host.path, memoryLimit: 1024 * 1024 });
    let made = 0;
    while (typeof small.call('open', '/dev/ptmx', 2, 0) === 'number') {
      made++;
    }
    expect(made).toBeLessThan(10);
    small[Symbol.dispose]();
  });

  test('holds no more than its buffers, whoever does not read', () => {
    const [master, slave] = openTerminal();
    const page = Buffer.alloc(4096, 'a');
    let typed = 0;
    for (let count = type(master, page); typeof count === 'number'; count = type(master, page)) {
      typed += count;
      // A line that is too long is cut; only complete ones fill the queue.
      if (typed > 1_000_000) {
        break;
      }
    }
    type(master, Buffer.from('\n'));
    expect(guest.ok('read', slave, MEMORY_START, 10000)).toBeLessThanOrEqual(4096);
    const eofs = Buffer.alloc(4096, 4);
    for (let round = 0; round < 100; round++) {
      type(master, eofs);
    }
    expect(type(master, eofs)).toBe('EAGAIN');
  });

  test('survives any settings and any bytes', () => {
    const [master, slave] = openTerminal();
    let seed = 1;
    const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) >>> 8;
    for (let round = 0; round < 300; round++) {
      const settings = Buffer.from(Array.from({ length: 36 }, () => random() & 0xff));
      guest.ok('ioctl', slave, TCSETS, settings);
      type(master, Buffer.from(Array.from({ length: 64 }, () => random() & 0xff)));
      guest.call('write', slave, MEMORY_START, 64);
      guest.call('read', slave, MEMORY_START, random() % 100);
      guest.call('read', master, MEMORY_START, random() % 100);
    }
    expect(guest.call('ioctl', slave, TCSETS, WILD)).toBe('EFAULT');
  });
});

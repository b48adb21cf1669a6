/** AF_UNIX sockets: what no comparison with Linux can show. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { Guest, HostTree, MEMORY_START, WILD } from '../fs/guest.js';
import {
  abstractName,
  AF_UNIX,
  DATAGRAM,
  messageWithFiles,
  pairOf,
  receiveText,
  sendText,
  STREAM,
} from './sockets.js';

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

describe('streams', () => {
  it('wait for bytes and for room', async () => {
    const [a, b] = pairOf(guest);
    const later = receiveText(guest, b);
    await sendText(guest, a, 'late');
    expect(await later).toBe('late');
    const all = guest.async('sendto', a, MEMORY_START, 0x100000, 0, 0, 0);
    let got = 0;
    while (got < 0x100000) got += (await receiveText(guest, b, 100000)).length;
    expect(await all).toBe(0x100000);
  });

  it('tell a signal, and how much was sent before it', async () => {
    const [a, b] = pairOf(guest);
    const later = guest.async('recvfrom', b, MEMORY_START, 10, 0, 0, 0);
    guest.task.wake();
    expect(await later).toBe(-Errno.EINTR);
    const all = guest.async('sendto', a, MEMORY_START, 0x100000, 0, 0, 0);
    guest.task.wake();
    expect(await all).toBe(212992);
  });

  it('lose nothing to a buffer that faults', async () => {
    const [a, b] = pairOf(guest);
    await sendText(guest, a, 'kept');
    expect(guest.call('recvfrom', b, WILD, 4, 0, 0, 0)).toBe('EFAULT');
    expect(await receiveText(guest, b)).toBe('kept');
  });

  it('with SO_RCVTIMEO give up in time', async () => {
    const [a] = pairOf(guest);
    const time = Buffer.alloc(16);
    time.writeInt32LE(5000, 8);
    guest.ok('setsockopt', a, 1, 20, time, 16);
    expect(await guest.async('recvfrom', a, MEMORY_START, 1, 0, 0, 0)).toBe(-Errno.EAGAIN);
  });
});

describe('names', () => {
  it('of path are files that a rename does not break', () => {
    const server = guest.ok('socket', AF_UNIX, STREAM, 0);
    guest.ok('bind', server, Buffer.from('\x01\0/name'), 7);
    guest.ok('listen', server, 1);
    guest.ok('rename', '/name', '/other');
    const client = guest.ok('socket', AF_UNIX, STREAM, 0);
    expect(guest.call('connect', client, Buffer.from('\x01\0/name'), 7)).toBe('ENOENT');
    expect(guest.ok('connect', client, Buffer.from('\x01\0/other'), 8)).toBe(0);
    guest.ok('close', server);
    const late = guest.ok('socket', AF_UNIX, STREAM, 0);
    expect(guest.call('connect', late, Buffer.from('\x01\0/other'), 8)).toBe('ECONNREFUSED');
  });

  it('are free again once the socket is closed', () => {
    for (let times = 0; times < 3; times++) {
      const fd = guest.ok('socket', AF_UNIX, DATAGRAM, 0);
      const name = abstractName('again');
      expect(guest.ok('bind', fd, name, name.length)).toBe(0);
      guest.ok('close', fd);
    }
  });
});

describe('open files in messages', () => {
  const held = (): number => guest.task.kernel.network.rights.count;

  it('are closed when nobody can receive them any more', () => {
    for (let times = 0; times < 50; times++) {
      const [a, b] = pairOf(guest);
      const [c, d] = pairOf(guest, DATAGRAM);
      guest.ok('sendmsg', a, messageWithFiles(guest, 'x', [a, b, c]), 0);
      guest.ok('sendmsg', c, messageWithFiles(guest, 'y', [a, d]), 0);
      for (const fd of [a, b, c, d]) guest.ok('close', fd);
    }
    expect(held()).toBe(0);
    expect(guest.task.kernel.network.sockets.size).toBe(0);
  });

  it('keep what can still be received', async () => {
    const [a, b] = pairOf(guest);
    const [c, d] = pairOf(guest);
    guest.ok('sendmsg', a, messageWithFiles(guest, 'x', [c]), 0);
    guest.ok('close', c);
    expect(held()).toBe(1);
    await sendText(guest, d, 'still there');
    guest.ok('close', b);
    expect(held()).toBe(0);
    // Nobody has read what waited there.
    expect(guest.call('recvfrom', d, MEMORY_START, 1, 0, 0, 0)).toBe('ECONNRESET');
  });

  it('are not more than a process may have open', () => {
    const [a] = pairOf(guest);
    const files = new Array<number>(253).fill(a);
    const results = [1, 2, 3, 4, 5].map(() =>
      guest.call('sendmsg', a, messageWithFiles(guest, 'x', files), 0x40),
    );
    expect(results).toEqual([1, 1, 1, 1, 'ETOOMANYREFS']);
  });
});

describe('memory of the kernel', () => {
  it('is given back, and limited', () => {
    const { kernelMemory } = guest.task.kernel.network;
    const before = kernelMemory.held;
    const fds: number[] = [];
    while (typeof guest.call('socketpair', AF_UNIX, STREAM, 0, MEMORY_START) === 'number') {
      const bytes = guest.get(MEMORY_START, 8);
      fds.push(bytes.readInt32LE(0), bytes.readInt32LE(4));
      guest.call('sendto', bytes.readInt32LE(0), MEMORY_START, 0x100000, 0x40, 0, 0);
    }
    expect(fds.length).toBeLessThan(1000);
    expect(kernelMemory.held).toBeLessThanOrEqual(kernelMemory.limit);
    for (const fd of fds) guest.ok('close', fd);
    expect(kernelMemory.held).toBe(before);
  });
});

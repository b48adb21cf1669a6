/** Pipes, waiting, and standard descriptors of the host. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hostFiles } from '../../../src/host/host-files.js';
import { CaptureFile } from '../../../src/kernel/fs/capture-file.js';
import { openHostStdio } from '../../../src/kernel/fs/host-stdio.js';
import { SourceFile } from '../../../src/kernel/fs/source-file.js';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { Signo } from '../../../src/kernel/abi/signal.js';
import { Rlimit } from '../../../src/kernel/task/resource-limits.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

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

function makePipe(flags = 0): [number, number] {
  guest.ok('pipe2', MEMORY_START, flags);
  const bytes = guest.get(MEMORY_START, 8);
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)];
}

function put(text: string): number {
  guest.mm.copyOut(MEMORY_START, Buffer.from(text));
  return text.length;
}

describe('pipes', () => {
  test('give what was written, then the end', () => {
    const [reading, writing] = makePipe();
    guest.ok('write', writing, MEMORY_START, put('hello'));
    expect(guest.ok('read', reading, MEMORY_START + 100, 3)).toBe(3);
    expect(guest.ok('read', reading, MEMORY_START + 103, 100)).toBe(2);
    expect(guest.get(MEMORY_START + 100, 5).toString()).toBe('hello');
    guest.ok('close', writing);
    expect(guest.ok('read', reading, MEMORY_START, 1)).toBe(0);
  });

  test('that do not wait say EAGAIN', () => {
    const [reading, writing] = makePipe(0o4000);
    expect(guest.call('read', reading, MEMORY_START, 1)).toBe('EAGAIN');
    expect(guest.ok('write', writing, MEMORY_START, 100000)).toBe(65536);
    expect(guest.call('write', writing, MEMORY_START, 1)).toBe('EAGAIN');
    guest.ok('read', reading, MEMORY_START, 100);
    // At most PIPE_BUF bytes are written whole or not at all.
    expect(guest.call('write', writing, MEMORY_START, 101)).toBe('EAGAIN');
    expect(guest.ok('write', writing, MEMORY_START, 100)).toBe(100);
  });

  test('wait for bytes and for room', async () => {
    const [reading, writing] = makePipe();
    const later = guest.async('read', reading, MEMORY_START + 100, 10);
    guest.ok('write', writing, MEMORY_START, put('late'));
    expect(await later).toBe(4);
    const all = guest.async('write', writing, MEMORY_START, 150000);
    let got = 0;
    while (got < 150000) {
      got += await guest.async('read', reading, MEMORY_START, 10000);
    }
    expect(await all).toBe(150000);
  });

  test('a signal ends the wait', async () => {
    const [reading] = makePipe();
    const later = guest.async('read', reading, MEMORY_START, 10);
    guest.task.wake();
    expect(await later).toBe(-Errno.EINTR);
  });

  test('without a reader give EPIPE and SIGPIPE', () => {
    const [reading, writing] = makePipe();
    guest.ok('close', reading);
    expect(guest.call('write', writing, MEMORY_START, 1)).toBe('EPIPE');
    expect(guest.task.pending.set.has(Signo.SIGPIPE)).toBe(true);
  });

  test('lose nothing to a fault', () => {
    const [reading, writing] = makePipe();
    guest.ok('write', writing, MEMORY_START, put('kept'));
    expect(guest.call('read', reading, 0x1000, 4)).toBe('EFAULT');
    expect(guest.ok('read', reading, MEMORY_START, 4)).toBe(4);
  });

  test('can be resized', () => {
    const [reading, writing] = makePipe(0o4000);
    expect(guest.ok('fcntl', reading, 1031, 100000)).toBe(131072);
    expect(guest.ok('write', writing, MEMORY_START, 200000)).toBe(131072);
    expect(guest.call('fcntl', reading, 1031, 4096)).toBe('EBUSY');
    expect(guest.call('fcntl', reading, 1031, 2 ** 30)).toBe('EPERM');
    expect(guest.ok('ioctl', reading, 0x541b, MEMORY_START)).toBe(0);
    expect(guest.get(MEMORY_START, 4).readInt32LE()).toBe(131072);
  });
});

describe('poll', () => {
  function pollfd(fd: number, events: number): number {
    const bytes = Buffer.alloc(8);
    bytes.writeInt32LE(fd, 0);
    bytes.writeInt16LE(events, 4);
    guest.mm.copyOut(MEMORY_START, bytes);
    return MEMORY_START;
  }

  test('tells what holds', () => {
    const [reading, writing] = makePipe();
    expect(guest.ok('poll', pollfd(reading, 1), 1, 0)).toBe(0);
    expect(guest.ok('poll', pollfd(writing, 4), 1, 0)).toBe(1);
    expect(guest.ok('poll', pollfd(99, 4), 1, 0)).toBe(1);
    expect(guest.get(MEMORY_START, 8).readInt16LE(6)).toBe(0x20);
    guest.ok('close', writing);
    expect(guest.ok('poll', pollfd(reading, 1), 1, -1)).toBe(1);
    expect(guest.get(MEMORY_START, 8).readInt16LE(6)).toBe(0x10);
  });

  test('waits, and gives up in time', async () => {
    const [reading, writing] = makePipe();
    const begin = performance.now();
    expect(await guest.async('poll', pollfd(reading, 1), 1, 30)).toBe(0);
    expect(performance.now() - begin).toBeGreaterThan(25);
    const later = guest.async('poll', pollfd(reading, 1), 1, -1);
    guest.ok('write', writing, MEMORY_START + 100, 1);
    expect(await later).toBe(1);
  });

  test('select does the same with sets', async () => {
    const [reading, writing] = makePipe();
    const set = Buffer.alloc(8);
    set.writeUInt8(1 << reading, 0);
    guest.mm.copyOut(MEMORY_START, set);
    const later = guest.async('select', 8, MEMORY_START, 0, 0, 0);
    guest.ok('write', writing, MEMORY_START + 100, 1);
    expect(await later).toBe(1);
    expect(guest.get(MEMORY_START, 1)[0]).toBe(1 << reading);
    guest.ok('close', reading);
    expect(guest.call('select', 8, 0, MEMORY_START, 0, 0)).toBe('EBADF');
  });
});

describe('streams of the library', () => {
  test('that fail to end harm nobody', async () => {
    const stream: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('next')),
        return: () => Promise.reject(new Error('return')),
      }),
    };
    const fd = guest.task.files.allocate(new SourceFile(stream));
    expect(await guest.async('read', fd, MEMORY_START, 10)).toBe(0);
    // An unhandled rejection would fail the test.
    guest.ok('close', fd);
    await new Promise((resolve) => setImmediate(resolve));
  });

  test('are read as they come', async () => {
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one ');
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield Buffer.from('two');
    }
    const fd = guest.task.files.allocate(new SourceFile(parts()));
    let text = '';
    for (;;) {
      const count = await guest.async('read', fd, MEMORY_START, 100);
      if (count <= 0) {
        break;
      }
      text += guest.get(MEMORY_START, count).toString();
    }
    expect(text).toBe('one two');
  });

  test('receive what is written, and the end', () => {
    const parts: Buffer[] = [];
    let ended = false;
    const file = new CaptureFile(
      (bytes) => parts.push(Buffer.from(bytes)),
      () => {
        ended = true;
      },
    );
    const fd = guest.task.files.allocate(file);
    guest.ok('write', fd, MEMORY_START, put('out'));
    guest.ok('close', fd);
    expect([Buffer.concat(parts).toString(), ended]).toEqual(['out', true]);
  });
});

describe('host descriptors', () => {
  /** A FIFO open at both ends. */
  function hostPipe(): [number, number] {
    execFileSync('mkfifo', [host.at('fifo')]);
    const both = openSync(host.at('fifo'), 'r+');
    const writing = openSync(host.at('fifo'), 'w');
    return [both, writing];
  }

  test('wait without becoming non-blocking', async () => {
    const [reading, writing] = hostPipe();
    const before = hostFiles.statusFlags(reading);
    const fd = guest.task.files.allocate(openHostStdio(reading));
    const later = guest.async('read', fd, MEMORY_START, 100);
    expect(typeof later).not.toBe('number');
    expect(hostFiles.statusFlags(reading)).toBe(before);
    setTimeout(() => writeSync(writing, 'from the host'), 10);
    expect(await later).toBe(13);
    expect(guest.get(MEMORY_START, 13).toString()).toBe('from the host');
    guest.ok('close', fd);
    closeSync(reading);
    closeSync(writing);
  });

  test('are watched once, however often poll names them', async () => {
    const [reading, writing] = hostPipe();
    const fd = guest.task.files.allocate(openHostStdio(reading));
    const times = 100_000;
    guest.task.process.limits.set(Rlimit.Nofile, { soft: times, hard: times });
    const table = Buffer.alloc(times * 8);
    for (let at = 0; at < table.length; at += 8) {
      table.writeInt32LE(fd, at);
      table.writeInt16LE(1, at + 4);
    }
    guest.mm.copyOut(MEMORY_START, table);
    setTimeout(() => writeSync(writing, 'x'), 10);
    // A watcher for each would take minutes.
    expect(await guest.async('poll', MEMORY_START, times, -1)).toBe(times);
    guest.ok('close', fd);
    closeSync(reading);
    closeSync(writing);
  });

  test('that nobody reads keep no set of descriptors busy', async () => {
    const [reading, writing] = hostPipe();
    const fd = guest.task.files.allocate(openHostStdio(reading));
    const set = guest.ok('epoll_create1', 0);
    const event = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    guest.ok('epoll_ctl', set, 1, fd, event);
    writeSync(writing, 'x');
    expect(await guest.async('epoll_wait', set, MEMORY_START, 1, -1)).toBe(1);
    const watch = vi.spyOn(hostFiles, 'watchStart');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(watch.mock.calls.length).toBeLessThan(3);
    watch.mockRestore();
    expect(guest.ok('epoll_wait', set, MEMORY_START, 1, 0)).toBe(1);
    guest.ok('read', fd, MEMORY_START, 1);
    expect(guest.ok('epoll_wait', set, MEMORY_START, 1, 0)).toBe(0);
    const later = guest.async('epoll_wait', set, MEMORY_START, 1, -1);
    writeSync(writing, 'y');
    expect(await later).toBe(1);
    guest.ok('close', fd);
    closeSync(reading);
    closeSync(writing);
  });

  test('of a pipe nobody reads give EPIPE', async () => {
    const child = spawn('true', { stdio: ['pipe', 'inherit', 'inherit'] });
    await new Promise((resolve) => child.on('exit', resolve));
    execFileSync('mkfifo', [host.at('fifo')]);
    const both = openSync(host.at('fifo'), 'r+');
    const writing = openSync(host.at('fifo'), 'w');
    const fd = guest.task.files.allocate(openHostStdio(writing));
    closeSync(both);
    expect(guest.call('write', fd, MEMORY_START, 1)).toBe('EPIPE');
    closeSync(writing);
  });

  test('of files share the position with the host', () => {
    const file = openSync(host.at('log'), 'w+');
    const fd = guest.task.files.allocate(openHostStdio(file));
    guest.ok('write', fd, MEMORY_START, put('guest '));
    writeSync(file, 'host');
    guest.ok('lseek', fd, 0, 0);
    expect(guest.ok('read', fd, MEMORY_START, 100)).toBe(10);
    expect(guest.get(MEMORY_START, 10).toString()).toBe('guest host');
    expect(guest.call('ioctl', fd, 0x5401, MEMORY_START)).toBe('ENOTTY');
    closeSync(file);
  });
});

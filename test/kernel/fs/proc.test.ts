/** /dev and /proc. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { simpleCredentials } from '../../../src/kernel/task/credentials.js';
import { Task } from '../../../src/kernel/task/task.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

let host: HostTree;
let guest: Guest;

beforeEach(() => {
  host = new HostTree();
  mkdirSync(host.at('dir'));
  writeFileSync(host.at('file'), 'x');
  guest = new Guest({ rootfs: host.path });
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

describe('/dev', () => {
  test.each([
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ])('%s has its numbers', (name, major, minor) => {
    guest.ok('stat', `/dev/${name}`, MEMORY_START);
    const bytes = guest.get(MEMORY_START, 144);
    expect(bytes.readUInt32LE(24) & 0o170000).toBe(0o020000);
    expect(bytes.readBigUInt64LE(40)).toBe(BigInt((major << 8) | minor));
  });

  test('devices do what they are for', () => {
    const open = (name: string): number => guest.ok('open', `/dev/${name}`, 2, 0);
    expect(guest.ok('read', open('null'), MEMORY_START, 10)).toBe(0);
    guest.mm.copyOut(MEMORY_START, Buffer.alloc(10, 1));
    expect(guest.ok('read', open('zero'), MEMORY_START, 10)).toBe(10);
    expect(guest.get(MEMORY_START, 10).equals(Buffer.alloc(10))).toBe(true);
    expect(guest.call('write', open('full'), MEMORY_START, 1)).toBe('ENOSPC');
    expect(guest.ok('read', open('urandom'), MEMORY_START, 64)).toBe(64);
    expect(guest.get(MEMORY_START, 64).equals(Buffer.alloc(64))).toBe(false);
    expect(guest.call('open', '/dev/tty', 0, 0)).toBe('ENXIO');
  });
});

describe('/proc', () => {
  test('self leads to the process and its places', () => {
    expect(guest.readLink('/proc/self')).toBe('1');
    guest.ok('chdir', '/dir');
    expect(guest.readLink('/proc/self/cwd')).toBe('/dir');
    expect(guest.readLink('/proc/self/root')).toBe('/');
    expect(guest.cwd()).toBe('/dir');
    guest.ok('chdir', '/proc/self');
    expect(guest.cwd()).toBe('/proc/1');
  });

  test('exe leads to the program, whatever became of its name', () => {
    guest.writeFile('/prog', 'x');
    guest.ok('chmod', '/prog', 0o755);
    const file = guest.task.fsContext.openExecutable('/prog', guest.task);
    guest.task.process.executable = typeof file === 'number' ? undefined : file.location;
    expect(guest.readLink('/proc/self/exe')).toBe('/prog');
    guest.ok('unlink', '/prog');
    guest.ok('symlink', '/proc/self/exe', '/prog');
    expect(guest.readLink('/proc/self/exe')).toBe('/prog (deleted)');
    expect(guest.readFile('/proc/self/exe')).toBe('x');
    expect(guest.readFile('/prog')).toBe('x');
  });

  test('what the caller has open can be executed', () => {
    guest.ok('chmod', '/file', 0o755);
    const fd = guest.ok('open', '/file', 0, 0);
    const file = guest.task.fsContext.openExecutable(`/proc/self/fd/${String(fd)}`, guest.task);
    expect(file).toMatchObject({ size: 1 });
  });

  test('fd leads to open files', () => {
    const fd = guest.ok('open', '/file', 0, 0);
    expect(guest.readLink(`/proc/self/fd/${String(fd)}`)).toBe('/file');
    expect(guest.readFile(`/proc/self/fd/${String(fd)}`)).toBe('x');
    expect(guest.readFile(`/dev/fd/${String(fd)}`)).toBe('x');
    expect(guest.list('/proc/self/fd')).toContain(String(fd));
    expect(guest.call('readlink', '/proc/self/fd/77', MEMORY_START, 10)).toBe('ENOENT');
    guest.ok('pipe2', MEMORY_START, 0o4000);
    const writing = guest.get(MEMORY_START, 8).readInt32LE(4);
    const again = guest.ok('open', `/proc/self/fd/${String(writing)}`, 1, 0);
    expect(guest.ok('write', again, MEMORY_START, 4)).toBe(4);
    expect(guest.readLink(`/proc/self/fd/${String(writing)}`)).toMatch(/^pipe:\[\d+\]$/);
  });

  test('paths longer than a path can be are not told', () => {
    const name = 'n'.repeat(250);
    for (let depth = 0; depth < 20; depth++) {
      guest.ok('mkdir', name, 0o755);
      guest.ok('chdir', name);
    }
    expect(guest.call('readlink', '/proc/self/cwd', MEMORY_START, 4096)).toBe('ENAMETOOLONG');
    expect(guest.call('getcwd', MEMORY_START, 65536)).toBe('ENAMETOOLONG');
    guest.writeFile('file', 'x');
    const mapping = guest.task.files.get(guest.ok('open', 'file', 0, 0))?.mapping();
    expect(mapping).toMatchObject({ name: '(too long)' });
  });

  test('texts have the form of proc(5)', () => {
    expect(guest.readFile('/proc/mounts')).toMatch(/^overlay \/ overlay rw,relatime 0 0\n/);
    expect(guest.readFile('/proc/self/mountinfo').split('\n')[1]).toMatch(
      /^21 20 0:5 \/ \/dev rw,relatime - devtmpfs devtmpfs rw$/,
    );
    expect(guest.readFile('/proc/meminfo')).toMatch(/^MemTotal: +\d+ kB\nMemFree: +\d+ kB\n/);
    expect(guest.readFile('/proc/cpuinfo')).toMatch(/^processor\t: 0\n/);
    expect(guest.readFile('/proc/sys/kernel/hostname')).toBe('guest\n');
    expect(guest.readFile('/proc/self/limits')).toMatch(/^Limit {21}Soft Limit/);
    expect(guest.list('/proc/sys/kernel')).toContain('random');
    expect(guest.call('open', '/proc/2', 0, 0)).toBe('ENOENT');
    expect(guest.call('open', '/proc/self/comm', 0o101, 0)).not.toBe(undefined);
    // Root passes the directory's mode, and then there is no such thing as a new name here.
    expect(['ENOENT', 'EACCES']).toContain(guest.call('mkdir', '/proc/x', 0o755));
    expect(guest.call('unlink', '/proc/mounts')).toBe('EPERM');
  });

  test('nothing of the host shows', () => {
    expect(guest.list('/proc').filter((name) => /^\d+$/.test(name))).toEqual(['1']);
    expect(guest.list('/sys/class/net')).toEqual(['.', '..', 'lo']);
    expect(guest.list('/sys/block')).toEqual(['.', '..']);
    expect(guest.call('mkdir', '/sys/x', 0o755)).toBe('EROFS');
  });

  test('the name and the score of a process can be written, by whom it may', () => {
    guest.writeFile('/proc/self/comm', 'a name that is too long\n');
    expect(guest.readFile('/proc/self/comm')).toBe('a name that is \n');
    guest.writeFile('/proc/self/oom_score_adj', '500');
    expect(guest.readFile('/proc/1/oom_score_adj')).toBe('500\n');
    const fd = guest.ok('open', '/proc/self/oom_score_adj', 1, 0);
    guest.mm.copyOut(MEMORY_START, Buffer.from('1001'));
    expect(guest.call('write', fd, MEMORY_START, 4)).toBe('EINVAL');
    guest.task.credentials = simpleCredentials(1000, 1000, []);
    guest.mm.copyOut(MEMORY_START, Buffer.from('-100'));
    expect(guest.call('write', fd, MEMORY_START, 4)).toBe('EACCES');
  });

  test('other files cannot be written, however open', () => {
    const fd = guest.ok('open', '/proc/self/status', 1, 0);
    expect(guest.call('write', fd, MEMORY_START, 4)).toBe('EACCES');
  });

  test('a thread has a directory of its own, among those of its process and hidden at the top', () => {
    const { task } = guest;
    const { kernel, process, mm, files, fsContext, credentials, context } = task;
    const parts = { kernel, process, context, mm, files, fsContext, credentials };
    const thread = new Task(7, parts);
    process.tasks.add(thread);
    kernel.tasks.set(7, thread);
    expect(guest.list('/proc/self/task')).toEqual(['.', '..', '1', '7']);
    expect(guest.readFile('/proc/1/task/7/stat')).toMatch(/^7 \(/);
    expect(guest.readFile('/proc/7/status')).toMatch(/^Tgid:\t1$/m);
    expect(guest.readFile('/proc/self/status')).toMatch(/^Threads:\t2$/m);
    expect(guest.list('/proc')).not.toContain('7');
  });

  test('the state of a process that waits, was stopped, or ended', async () => {
    const state = (): string => guest.readFile('/proc/1/stat').split(' ')[2] ?? '';
    expect(state()).toBe('R');
    const waiting = guest.task.block(new Promise<number>(() => undefined), () => undefined);
    expect(state()).toBe('S');
    guest.task.wake();
    await waiting;
    guest.task.process.stopSignal = 19;
    expect(state()).toBe('T');
    guest.task.process.isZombie = true;
    expect(state()).toBe('Z');
  });

  test('descriptors tell of themselves', () => {
    const counter = guest.ok('eventfd2', 9, 0);
    const set = guest.ok('epoll_create1', 0);
    const event = Buffer.from([1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    guest.ok('epoll_ctl', set, 1, counter, event);
    const info = (fd: number): string => guest.readFile(`/proc/self/fdinfo/${String(fd)}`);
    expect(info(counter)).toMatch(
      /^pos:\t0\nflags:\t02\nmnt_id:\t\d+\nino:\t\d+\neventfd-count: +9\n$/,
    );
    expect(info(set)).toMatch(/tfd: +0 events: +19 data: +5/);
    expect(guest.readLink(`/proc/self/fd/${String(set)}`)).toBe('anon_inode:[eventpoll]');
  });
});

/** No path leads out of the root or the binds. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  symlinkSync,
  writeFileSync,
  readFileSync,
  existsSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostFiles } from '../../../src/host/host-files.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

let host: HostTree;
let guest: Guest;

beforeEach(() => {
  host = new HostTree();
  writeFileSync(host.at('secret'), 'outside');
  mkdirSync(host.at('root/etc'), { recursive: true });
  mkdirSync(host.at('root/deep/down'), { recursive: true });
  mkdirSync(host.at('shared/sub'), { recursive: true });
  writeFileSync(host.at('root/secret'), 'inside');
  writeFileSync(host.at('root/etc/passwd'), 'guest passwd');
  symlinkSync('/etc/passwd', host.at('root/absolute'));
  symlinkSync('../../../../../../etc/passwd', host.at('root/deep/relative'));
  symlinkSync('..', host.at('root/deep/down/up'));
  symlinkSync('/', host.at('root/deep/slash'));
  symlinkSync(host.at('secret'), host.at('root/out'));
  symlinkSync('../secret', host.at('shared/out'));
  symlinkSync('/etc', host.at('shared/etc'));
  symlinkSync('loop', host.at('root/loop'));
  guest = new Guest({
    rootfs: host.at('root'),
    binds: [
      { host: host.at('shared'), guest: '/mnt/rw', readOnly: false },
      { host: host.at('shared'), guest: '/mnt/ro', readOnly: true },
    ],
  });
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

describe('paths', () => {
  test.each([
    ['/absolute', 'guest passwd'],
    ['/deep/relative', 'guest passwd'],
    ['/../../secret', 'inside'],
    ['/deep/down/up/down/up/../../secret', 'inside'],
    ['/deep/slash/../../secret', 'inside'],
    ['/proc/self/root/secret', 'inside'],
    ['/proc/self/root/../secret', 'inside'],
    ['/proc/self/cwd/../secret', 'inside'],
    ['/proc/../secret', 'inside'],
    ['/mnt/rw/../../secret', 'inside'],
    ['/mnt/rw/etc/passwd', 'guest passwd'],
    ['//deep//slash///etc/./passwd', 'guest passwd'],
  ])('%s stays inside', (path, text) => {
    expect(guest.readFile(path)).toBe(text);
  });

  test.each([
    ['/out', 'ENOENT'],
    ['/mnt/rw/out', 'ENOENT'],
    ['/mnt/ro/out', 'ENOENT'],
    ['/loop', 'ELOOP'],
    ['/loop/x', 'ELOOP'],
    ['/secret/', 'ENOTDIR'],
    ['/secret/x', 'ENOTDIR'],
    ['', 'ENOENT'],
    [`/${'n'.repeat(256)}`, 'ENAMETOOLONG'],
    [`/${'n/'.repeat(2048)}`, 'ENAMETOOLONG'],
  ])('%.20s gives %s', (path, error) => {
    expect(guest.call('open', path, 0, 0)).toBe(error);
  });

  test('links made by the guest do not lead out either', () => {
    guest.ok('symlink', host.at('secret'), '/made');
    guest.ok('symlink', '../../../secret', '/mnt/rw/made');
    expect(guest.call('open', '/made', 0, 0)).toBe('ENOENT');
    expect(guest.readFile('/mnt/rw/made')).toBe('inside');
  });

  test('a chain of 40 links is followed, one of 41 is not', () => {
    guest.ok('symlink', '/secret', '/l1');
    for (let n = 2; n <= 41; n++) {
      guest.ok('symlink', `/l${String(n - 1)}`, `/l${String(n)}`);
    }
    expect(guest.readFile('/l40')).toBe('inside');
    expect(guest.call('open', '/l41', 0, 0)).toBe('ELOOP');
  });

  test('a directory replaced by a link on the host is not followed', () => {
    const fd = guest.ok('open', '/mnt/rw/sub', 0o200000, 0);
    guest.ok('stat', '/deep/down', MEMORY_START);
    renameSync(host.at('shared/sub'), host.at('shared/old'));
    symlinkSync(host.path, host.at('shared/sub'));
    renameSync(host.at('root/deep/down'), host.at('root/deep/old'));
    symlinkSync(host.path, host.at('root/deep/down'));
    expect(guest.call('openat', fd, 'secret', 0, 0)).not.toBeTypeOf('number');
    expect(guest.call('open', '/mnt/rw/sub/secret', 0, 0)).toBe('ENOENT');
    expect(guest.call('open', '/deep/down/secret', 0, 0)).not.toBeTypeOf('number');
    expect(guest.call('openat', fd, 'made', 0o101, 0o644)).not.toBeTypeOf('number');
    expect(existsSync(host.at('made'))).toBe(false);
  });

  test('chroot does not open a way out', () => {
    if (process.geteuid?.() !== 0) {
      return;
    }
    guest.ok('chroot', '/deep');
    guest.ok('chdir', '/');
    expect(guest.call('open', '/../secret', 0, 0)).toBe('ENOENT');
    expect(guest.call('open', 'slash/etc/passwd', 0, 0)).toBe('ENOENT');
    expect(guest.cwd()).toBe('/');
  });
});

describe('the host below a directory', () => {
  test('links, dots and absolute paths are refused natively', () => {
    const root = hostFiles.openRoot(host.at('root'), 1);
    const record = new Uint8Array(256);
    for (const path of [
      '..',
      '/etc',
      '../secret',
      'deep/../../secret',
      '/etc/passwd',
      'deep/slash/etc',
      'out/x',
    ]) {
      expect(hostFiles.statBeneath(root, path, record)).toBeLessThan(0);
      expect(hostFiles.openBeneath(root, path, 0, record)).toBeLessThan(0);
      expect(hostFiles.openDirectoryBeneath(root, path)).toBeLessThan(0);
    }
    // A link in the last place is the link itself.
    expect(hostFiles.statBeneath(root, 'out', record)).toBe(0);
    expect(hostFiles.openBeneath(root, 'out', 0, record)).toBeLessThan(0);
    expect(hostFiles.openDirectoryBeneath(root, 'out')).toBeLessThan(0);
    expect(hostFiles.mkdirBeneath(root, '..', 0o700)).toBeLessThan(0);
    expect(hostFiles.unlinkBeneath(root, 'deep/..', 1)).toBeLessThan(0);
    expect(hostFiles.createBeneath(root, 'out', 0o600)).toBeLessThan(0);
    hostFiles.closeFd(root);
  });

  test('FIFOs of the host lead nowhere: opened they are pipes of the guest', () => {
    execFileSync('mkfifo', [host.at('root/fifo')]);
    const outside = openSync(host.at('root/fifo'), constants.O_RDWR | constants.O_NONBLOCK);
    guest.ok('stat', '/fifo', MEMORY_START);
    expect(guest.get(MEMORY_START + 24, 4).readUInt32LE() & 0o170000).toBe(0o010000);
    const inside = guest.ok('open', '/fifo', 2, 0);
    guest.ok('write', inside, MEMORY_START, 3);
    expect(() => readSync(outside, Buffer.alloc(10))).toThrow('EAGAIN');
    expect(guest.ok('read', inside, MEMORY_START, 10)).toBe(3);
    closeSync(outside);
  });
});

describe('binds', () => {
  test('read-write goes through to the host', () => {
    guest.writeFile('/mnt/rw/file', 'to the host');
    guest.ok('mkdir', '/mnt/rw/dir', 0o750);
    guest.ok('rename', '/mnt/rw/file', '/mnt/rw/dir/renamed');
    guest.ok('link', '/mnt/rw/dir/renamed', '/mnt/rw/linked');
    guest.ok('chmod', '/mnt/rw/linked', 0o640);
    guest.ok('truncate', '/mnt/rw/linked', 2);
    expect(readFileSync(host.at('shared/dir/renamed'), 'latin1')).toBe('to');
    guest.ok('unlink', '/mnt/rw/linked');
    guest.ok('unlink', '/mnt/rw/dir/renamed');
    guest.ok('rmdir', '/mnt/rw/dir');
    expect(existsSync(host.at('shared/dir'))).toBe(false);
  });

  test('what the host adds and removes is seen at once', () => {
    expect(guest.call('open', '/mnt/rw/late', 0, 0)).toBe('ENOENT');
    writeFileSync(host.at('shared/late'), '1');
    expect(guest.readFile('/mnt/rw/late')).toBe('1');
    renameSync(host.at('shared/late'), host.at('shared/later'));
    expect(guest.call('stat', '/mnt/rw/late', MEMORY_START)).toBe('ENOENT');
  });

  test('read-only is EROFS', () => {
    writeFileSync(host.at('shared/file'), 'x');
    expect(guest.readFile('/mnt/ro/file')).toBe('x');
    for (const [name, ...args] of [
      ['open', '/mnt/ro/file', 1, 0],
      ['open', '/mnt/ro/new', 0o101, 0o644],
      ['mkdir', '/mnt/ro/dir', 0o755],
      ['unlink', '/mnt/ro/file'],
      ['rmdir', '/mnt/ro/sub'],
      ['symlink', 'x', '/mnt/ro/link'],
      ['rename', '/mnt/ro/file', '/mnt/ro/other'],
      ['chmod', '/mnt/ro/file', 0o600],
      ['truncate', '/mnt/ro/file', 0],
      ['access', '/mnt/ro/file', 2],
    ] as const) {
      expect([name, guest.call(name, ...args)]).toEqual([name, 'EROFS']);
    }
    expect(readFileSync(host.at('shared/file'), 'latin1')).toBe('x');
  });

  test('hard links and renames do not cross mounts', () => {
    guest.writeFile('/mnt/rw/file', 'x');
    expect(guest.call('link', '/secret', '/mnt/rw/secret')).toBe('EXDEV');
    expect(guest.call('link', '/mnt/rw/file', '/file')).toBe('EXDEV');
    expect(guest.call('rename', '/secret', '/mnt/rw/secret')).toBe('EXDEV');
    expect(guest.call('rename', '/mnt/rw', '/elsewhere')).toBe('EBUSY');
    expect(guest.call('rmdir', '/mnt/rw')).toBe('EBUSY');
  });

  test('metadata of an open file is changed, not of what took its name', () => {
    const fd = guest.ok('open', '/mnt/rw/name', 0o102, 0o600);
    guest.ok('unlink', '/mnt/rw/name');
    guest.writeFile('/mnt/rw/name', 'another');
    guest.ok('chmod', '/mnt/rw/name', 0o644);
    const before = statSync(host.at('shared/name'));
    guest.ok('fchmod', fd, 0o751);
    guest.ok('utimensat', fd, 0, guest.put(Buffer.alloc(32)), 0);
    guest.ok('fstat', fd, MEMORY_START);
    const bytes = guest.get(MEMORY_START, 144);
    expect(bytes.readUInt32LE(24) & 0o777).toBe(0o751);
    expect(bytes.readBigInt64LE(88)).toBe(0n);
    const after = statSync(host.at('shared/name'));
    expect([after.mode, after.mtimeMs]).toEqual([before.mode, before.mtimeMs]);
  });

  test('an open file outlives its name', () => {
    const fd = guest.ok('open', '/mnt/rw/gone', 0o102, 0o600);
    guest.ok('unlink', '/mnt/rw/gone');
    guest.mm.copyOut(MEMORY_START, Buffer.from('still'));
    expect(guest.ok('write', fd, MEMORY_START, 5)).toBe(5);
    expect(guest.ok('pread64', fd, MEMORY_START + 100, 5, 0)).toBe(5);
    expect(guest.get(MEMORY_START + 100, 5).toString()).toBe('still');
    guest.ok('fstat', fd, MEMORY_START);
    expect(guest.readLink(join('/proc/self/fd', String(fd)))).toBe('/mnt/rw/gone (deleted)');
  });
});

/** The guest's root: the host's tree as it is, and changes that stay in memory. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pruneDentries } from '../../../src/kernel/fs/dentry.js';
import { Guest, HostTree, MEMORY_START } from './guest.js';

let host: HostTree;
let guest: Guest;

beforeEach(() => {
  host = new HostTree();
  mkdirSync(host.at('a/b/c'), { recursive: true });
  mkdirSync(host.at('empty'));
  writeFileSync(host.at('a/one'), 'one\n');
  writeFileSync(host.at('a/b/two'), Buffer.alloc(10000, 'xy'));
  writeFileSync(host.at('a', Buffer.from([0x66, 0xff, 0xfe]).toString('latin1')), 'odd name');
  chmodSync(host.at('a/one'), 0o751);
  symlinkSync('one', host.at('a/link'));
  symlinkSync('nowhere', host.at('a/dangling'));
  linkSync(host.at('a/one'), host.at('a/hard'));
  guest = new Guest({ rootfs: host.path });
});

afterEach(() => {
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

/** Bytes of struct stat that the host gives, of those fields that node tells exactly. */
function expectStat(path: string): void {
  const native = lstatSync(host.at(path), { bigint: true });
  guest.ok('lstat', `/${path}`, MEMORY_START);
  const bytes = guest.get(MEMORY_START, 144);
  expect({
    dev: bytes.readBigUInt64LE(0),
    ino: bytes.readBigUInt64LE(8),
    nlink: bytes.readBigUInt64LE(16),
    mode: BigInt(bytes.readUInt32LE(24)),
    uid: BigInt(bytes.readUInt32LE(28)),
    gid: BigInt(bytes.readUInt32LE(32)),
    size: bytes.readBigInt64LE(48),
    blksize: bytes.readBigInt64LE(56),
    blocks: bytes.readBigInt64LE(64),
    mtime: bytes.readBigInt64LE(88) * 1_000_000_000n + bytes.readBigInt64LE(96),
    ctime: bytes.readBigInt64LE(104) * 1_000_000_000n + bytes.readBigInt64LE(112),
  }).toEqual({
    dev: native.dev,
    ino: native.ino,
    nlink: native.nlink,
    mode: native.mode,
    uid: native.uid,
    gid: native.gid,
    size: native.size,
    blksize: native.blksize,
    blocks: native.blocks,
    mtime: native.mtimeNs,
    ctime: native.ctimeNs,
  });
}

/** Everything below `path` is what the host has: names in order, metadata, contents, link targets. */
function expectSameTree(path: string): void {
  const native = readdirSync(host.at(path), { withFileTypes: true, encoding: 'latin1' });
  const seen = guest.list(`/${path}`).filter((name) => name !== '.' && name !== '..');
  const mounts = path === '' ? ['dev', 'proc', 'sys'] : [];
  expect(seen.filter((name) => !mounts.includes(name)).sort()).toEqual(
    native.map(({ name }) => Buffer.from(name, 'latin1').toString('latin1')).sort(),
  );
  for (const entry of native) {
    const below = path === '' ? entry.name : `${path}/${entry.name}`;
    if (/[^\x20-\x7e]/.test(below)) {
      continue;
    }
    expectStat(below);
    if (entry.isDirectory()) {
      expectSameTree(below);
    } else if (entry.isSymbolicLink()) {
      expect(guest.readLink(`/${below}`)).toBe(readlinkSync(host.at(below)));
    } else {
      expect(guest.readFile(`/${below}`)).toBe(readFileSync(host.at(below), 'latin1'));
    }
  }
}

describe('what is not changed', () => {
  test('is the host tree, metadata and all', () => {
    expectSameTree('');
  });

  test('names that are no UTF-8 survive', () => {
    writeFileSync(Buffer.concat([Buffer.from(host.at('empty/')), Buffer.from([0xff, 0x80])]), 'x');
    expect(guest.list('/empty').sort()).toEqual(['.', '..', '\xff\x80']);
    expect(guest.readFile('/empty/\xff\x80')).toBe('x');
  });

  test('directories list in the order of the host', () => {
    for (let n = 0; n < 500; n++) {
      writeFileSync(host.at('empty', `file-${String(n * 7919)}`), '');
    }
    const native = execFileSync('ls', ['-aU', host.at('empty')], { encoding: 'latin1' });
    expect(guest.list('/empty')).toEqual(native.trimEnd().split('\n'));
  });

  test('what the host changes is seen', () => {
    expect(guest.readFile('/a/one')).toBe('one\n');
    writeFileSync(host.at('a/one'), 'more than before\n');
    expect(guest.readFile('/a/one')).toBe('more than before\n');
    expectStat('a/one');
  });
});

describe('changes', () => {
  test('stay in memory', () => {
    guest.writeFile('/a/one', 'changed');
    guest.writeFile('/new', 'new');
    guest.ok('unlink', '/a/b/two');
    guest.ok('mkdir', '/made', 0o755);
    expect(guest.readFile('/a/one')).toBe('changed');
    expect(guest.readFile('/new')).toBe('new');
    expect(guest.call('open', '/a/b/two', 0, 0)).toBe('ENOENT');
    expect(readFileSync(host.at('a/one'), 'latin1')).toBe('one\n');
    expect(statSync(host.at('a/b/two')).size).toBe(10000);
    expect(readdirSync(host.path).sort()).toEqual(['a', 'empty']);
  });

  test('writing into the middle keeps the rest of the host file', () => {
    const fd = guest.ok('open', '/a/b/two', 2, 0);
    guest.mm.copyOut(MEMORY_START, Buffer.from('HELLO'));
    expect(guest.ok('pwrite64', fd, MEMORY_START, 5, 5000)).toBe(5);
    guest.ok('close', fd);
    const expected = Buffer.alloc(10000, 'xy');
    expected.write('HELLO', 5000);
    expect(guest.readFile('/a/b/two')).toBe(expected.toString('latin1'));
  });

  test('a directory lists what was added and not what was removed', () => {
    guest.ok('unlink', '/a/one');
    guest.writeFile('/a/zzz', '');
    guest.ok('mkdir', '/a/yyy', 0o700);
    const names = guest.list('/a');
    expect(names).not.toContain('one');
    expect(names).toContain('zzz');
    expect(names).toContain('yyy');
    expect(names).toContain('hard');
    expect(new Set(names).size).toBe(names.length);
  });

  test('a removed name can be made again', () => {
    guest.ok('unlink', '/a/one');
    expect(guest.call('unlink', '/a/one')).toBe('ENOENT');
    guest.writeFile('/a/one', 'again');
    expect(guest.readFile('/a/one')).toBe('again');
    guest.ok('unlink', '/a/one');
    expect(guest.call('lstat', '/a/one', MEMORY_START)).toBe('ENOENT');
  });

  test('a directory that was removed and made anew is empty', () => {
    expect(guest.call('rmdir', '/a/b')).toBe('ENOTEMPTY');
    guest.ok('unlink', '/a/b/two');
    guest.ok('rmdir', '/a/b/c');
    guest.ok('rmdir', '/a/b');
    guest.ok('mkdir', '/a/b', 0o755);
    expect(guest.list('/a/b')).toEqual(['.', '..']);
  });

  test('a renamed directory takes its contents along', () => {
    guest.ok('rename', '/a', '/moved');
    expect(guest.readFile('/moved/one')).toBe('one\n');
    expect(guest.list('/moved/b').sort()).toEqual(['.', '..', 'c', 'two']);
    expect(guest.call('open', '/a/one', 0, 0)).toBe('ENOENT');
    guest.writeFile('/moved/b/three', '3');
    guest.ok('rename', '/moved', '/a');
    expect(guest.readFile('/a/b/three')).toBe('3');
    expect(guest.readFile('/a/b/two')).toHaveLength(10000);
  });

  test('renames over files, and refuses what cannot be', () => {
    guest.writeFile('/new', 'new');
    guest.ok('rename', '/new', '/a/one');
    expect(guest.readFile('/a/one')).toBe('new');
    expect(guest.readFile('/a/hard')).toBe('one\n');
    expect(guest.call('rename', '/a', '/a/b/inside')).toBe('EINVAL');
    expect(guest.call('rename', '/a/one', '/empty')).toBe('EISDIR');
    expect(guest.call('rename', '/empty', '/a/one')).toBe('ENOTDIR');
    expect(guest.call('rename', '/empty', '/a')).toBe('ENOTEMPTY');
    expect(guest.call('renameat2', -100, '/a/one', -100, '/a/hard', 1)).toBe('EEXIST');
    guest.ok('renameat2', -100, '/a/one', -100, '/a/hard', 2);
    expect(guest.readFile('/a/one')).toBe('one\n');
    expect(guest.readFile('/a/hard')).toBe('new');
  });

  test('a hard link shares what is written', () => {
    guest.ok('link', '/a/b/two', '/linked');
    guest.writeFile('/linked', 'through the link');
    expect(guest.readFile('/a/b/two')).toBe('through the link');
    guest.ok('unlink', '/a/b/two');
    expect(guest.readFile('/linked')).toBe('through the link');
    guest.ok('stat', '/linked', MEMORY_START);
    expect(guest.get(MEMORY_START + 16, 8).readBigUInt64LE()).toBe(1n);
  });

  test('outlive the cache of names', () => {
    guest.writeFile('/a/one', 'changed');
    guest.ok('chmod', '/a/b/c', 0o700);
    guest.ok('chmod', '/a/b/two', 0o640);
    guest.ok('lchown', '/a/link', 12, 34);
    for (const mount of guest.task.fsContext.namespace.mounts) {
      pruneDentries(mount.root);
    }
    expect(guest.readFile('/a/one')).toBe('changed');
    const lookAt = (path: string): [mode: number, uid: number] => {
      guest.ok('lstat', path, MEMORY_START);
      const bytes = guest.get(MEMORY_START, 144);
      return [bytes.readUInt32LE(24) & 0o777, bytes.readUInt32LE(28)];
    };
    const { uid } = statSync(host.at('a/b/two'));
    expect(lookAt('/a/b/c')).toEqual([0o700, uid]);
    expect(lookAt('/a/b/two')).toEqual([0o640, uid]);
    expect(lookAt('/a/link')).toEqual([0o777, 12]);
  });

  test('metadata changes without copying contents', () => {
    guest.ok('chmod', '/a/b/two', 0o600);
    guest.ok('stat', '/a/b/two', MEMORY_START);
    expect(guest.get(MEMORY_START + 24, 4).readUInt32LE() & 0o7777).toBe(0o600);
    expect(guest.memory.allocated).toBe(0);
    expect(statSync(host.at('a/b/two')).mode & 0o777).not.toBe(0o600);
  });

  test('an unlinked file lives until it is closed, and its memory is given back', () => {
    const fd = guest.ok('open', '/temporary', 0o102, 0o600);
    guest.mm.copyOut(MEMORY_START, Buffer.alloc(50000, 1));
    guest.ok('write', fd, MEMORY_START, 50000);
    guest.ok('unlink', '/temporary');
    expect(guest.memory.allocated).toBeGreaterThanOrEqual(50000);
    expect(guest.ok('pread64', fd, MEMORY_START, 50000, 0)).toBe(50000);
    guest.ok('close', fd);
    expect(guest.memory.allocated).toBe(0);
  });

  test('a full memory is ENOSPC, and what was there stays', () => {
    const fd = guest.ok('open', '/big', 0o102, 0o600);
    let written = 0;
    for (;;) {
      const count = guest.call('write', fd, MEMORY_START, 0x100000);
      if (typeof count === 'string') {
        expect(count).toBe('ENOSPC');
        break;
      }
      written += count;
    }
    expect(written).toBeGreaterThan(guest.memory.limit / 2);
    guest.ok('close', fd);
    guest.ok('unlink', '/big');
    expect(guest.memory.allocated).toBe(0);
  });
});

test('a directory is read on from anywhere, in whole records', () => {
  const whole = guest.list('/a');
  for (const call of ['getdents', 'getdents64'] as const) {
    for (const offset of [1, 30, 63, 100, 5000]) {
      const fd = guest.ok('open', '/a', 0o200000, 0);
      guest.ok('lseek', fd, offset, 0);
      const count = guest.ok(call, fd, MEMORY_START, 4096);
      const bytes = guest.get(MEMORY_START, count);
      const name = call === 'getdents' ? 18 : 19;
      const names: string[] = [];
      for (let at = 0; at < count; at += bytes.readUInt16LE(at + 16)) {
        names.push(bytes.toString('latin1', at + name, bytes.indexOf(0, at + name)));
      }
      expect(names).toEqual(whole.slice(whole.length - names.length));
      expect(names.length).toBeLessThan(whole.length);
      guest.ok('close', fd);
    }
  }
});

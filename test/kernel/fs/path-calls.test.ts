/** Every call that takes a path, by every way that would lead out of the root if the host followed it. */
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Argument, Guest, HostTree, MEMORY_START } from './guest.js';

const SECRET = 'outside of every mount';
const O_DIRECTORY = 0o200000;
const O_PATH = 0o10000000;
const O_RDWR_CREAT = 0o102;
const AF_UNIX = 1;
const AT_FDCWD = -100n;
const AT_SYMLINK_FOLLOW = 0x400;
const ATTRIBUTE = 'user.note';

let host: HostTree;
let guest: Guest;
let listener: Server;

beforeEach(async () => {
  host = new HostTree();
  mkdirSync(host.at('outside/folder'), { recursive: true });
  listener = createServer().listen(host.at('outside/socket'));
  await once(listener, 'listening');
  writeFileSync(host.at('outside/secret'), SECRET);
  writeFileSync(host.at('outside/folder/inner'), SECRET);
  for (const mount of ['root', 'rw', 'ro']) {
    mkdirSync(host.at(mount, 'sub'), { recursive: true });
    symlinkSync(host.at('outside'), host.at(mount, 'absolute'));
    symlinkSync('../outside', host.at(mount, 'relative'));
    symlinkSync('../../outside', host.at(mount, 'sub/deep'));
    symlinkSync('sub/deep', host.at(mount, 'chain'));
    symlinkSync(host.at('outside/secret'), host.at(mount, 'last'));
    symlinkSync('/proc/self/root' + host.at('outside'), host.at(mount, 'process'));
  }
  guest = new Guest({
    rootfs: host.at('root'),
    binds: [
      { host: host.at('rw'), guest: '/rw', readOnly: false },
      { host: host.at('ro'), guest: '/ro', readOnly: true },
    ],
  });
});

afterEach(() => {
  listener.close();
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

const MOUNTS = { 'read-write': '/rw', 'read-only': '/ro', 'layer in memory': '' } as const;

/** Ways out, each to `name` in the folder outside. */
const WAYS: Readonly<Record<string, (mount: string, name: string) => string>> = {
  'absolute link': (mount, name) => `${mount}/absolute/${name}`,
  'relative link': (mount, name) => `${mount}/relative/${name}`,
  'link to a link': (mount, name) => `${mount}/chain/${name}`,
  'link in the last place': (mount) => `${mount}/last`,
  'link by /proc': (mount, name) => `${mount}/process/${name}`,
  '..': (mount, name) => `${mount}/../outside/${name}`,
  '.. by a folder': (mount, name) => `${mount}/sub/../../outside/${name}`,
  '/proc/self/root': (_mount, name) => `/proc/self/root/..${host.at('outside', name)}`,
  '/proc/1/root': (mount, name) => `/proc/1/root${mount}/../../outside/${name}`,
  '/proc/self/cwd': (_mount, name) => `/proc/self/cwd/../outside/${name}`,
  '/proc/self/fd': (_mount, name) => `/proc/self/fd/100/../outside/${name}`,
  'link beneath /proc/self/fd': (_mount, name) => `/proc/self/fd/100/relative/${name}`,
  "the host's own path": (_mount, name) => host.at('outside', name),
};

type Call = readonly [name: string, ...args: Argument[]];

/** struct sockaddr_un: unix(7). */
function unixAddress(path: string): Uint8Array {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX);
  address.write(path, 2, 'latin1');
  return address;
}

/** Calls on paths that are there outside: of a file, a folder and a socket that somebody listens on. */
function calls(path: (name: string) => string, inside: string): Call[] {
  const [file, folder, socket] = [path('secret'), path('folder'), path('socket')];
  const zeroes = new Uint8Array(32);
  const how = new Uint8Array(24);
  const link = `${inside}/got`;
  return [
    ['open', file, 0, 0],
    ['open', file, O_RDWR_CREAT, 0o644],
    ['open', file, O_PATH, 0],
    ['open', folder, O_DIRECTORY, 0],
    ['openat', AT_FDCWD, file, 0o1002, 0],
    ['openat', 100, `.${file}`, 0, 0],
    ['openat', 100, `../../../..${file}`, 0, 0],
    ['openat2', AT_FDCWD, file, how, 24],
    ['creat', file, 0o644],
    ['stat', file, MEMORY_START],
    ['newfstatat', AT_FDCWD, file, MEMORY_START, 0],
    ['statx', AT_FDCWD, file, 0, 0xfff, MEMORY_START],
    ['access', file, 0],
    ['faccessat2', AT_FDCWD, file, 0, 0],
    ['readlink', file, MEMORY_START, 100],
    ['chdir', folder],
    ['mkdir', `${folder}/made`, 0o755],
    ['mkdirat', AT_FDCWD, `${folder}/made`, 0o755],
    ['mknod', `${folder}/made`, 0o100644, 0],
    ['mknod', `${folder}/made`, 0o010644, 0],
    ['rmdir', folder],
    ['unlink', file],
    ['unlinkat', AT_FDCWD, folder, 0x200],
    ['rename', file, link],
    ['rename', `${inside}/sub`, `${folder}/made`],
    ['renameat2', AT_FDCWD, file, AT_FDCWD, `${inside}/sub`, 2],
    ['link', file, link],
    ['linkat', AT_FDCWD, file, AT_FDCWD, link, AT_SYMLINK_FOLLOW],
    ['symlink', 'anything', `${folder}/made`],
    ['chmod', file, 0o777],
    ['fchmodat', AT_FDCWD, file, 0o777],
    ['chown', file, 12, 34],
    ['fchownat', AT_FDCWD, file, 12, 34, 0],
    ['truncate', file, 0],
    ['utime', file, 0],
    ['utimes', file, 0],
    ['utimensat', AT_FDCWD, file, zeroes, 0],
    ['futimesat', AT_FDCWD, file, 0],
    ['setxattr', file, ATTRIBUTE, MEMORY_START, 4, 0],
    ['getxattr', file, ATTRIBUTE, MEMORY_START, 16],
    ['listxattr', file, MEMORY_START, 100],
    ['removexattr', file, ATTRIBUTE],
    ['connect', 102, unixAddress(socket), 110],
    ['bind', 102, unixAddress(`${folder}/made`), 110],
    ['inotify_add_watch', 101, file, 0xfff],
    ['inotify_add_watch', 101, folder, 0xfff],
  ];
}

/** All that a guest could change, of what is outside. */
function outside(): string[] {
  const found: string[] = [];
  for (const name of [
    '.',
    'secret',
    'folder',
    'folder/inner',
    ...readdirSync(host.at('outside')),
  ]) {
    const stats = lstatSync(host.at('outside', name), { bigint: true });
    const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = stats;
    found.push([name, ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs].join(' '));
  }
  return [...found, ...readdirSync(host.at('outside/folder'))];
}

function inodes(): bigint[] {
  const names = ['.', 'secret', 'folder', 'folder/inner'];
  return names.map((name) => statSync(host.at('outside', name), { bigint: true }).ino);
}

/** What a descriptor that a call gave is open on. */
function inodeOf(fd: number): bigint {
  guest.ok('fstat', fd, MEMORY_START);
  return guest.get(MEMORY_START + 8, 8).readBigUInt64LE();
}

const OPENS = new Set(['open', 'openat', 'openat2', 'creat']);
const LOOKS = new Set(['stat', 'newfstatat', 'statx', 'access', 'faccessat2', 'chdir', 'connect']);

/** Makes the call, and tells what it got hold of that is outside. */
function reached([name, ...args]: Call): boolean {
  const result = guest.call(name, ...args);
  if (typeof result !== 'number') return false;
  if (!OPENS.has(name)) return LOOKS.has(name);
  const found = inodes().includes(inodeOf(result));
  guest.ok('close', result);
  return found;
}

function prepare(mount: string): void {
  const inside = mount === '' ? '/' : mount;
  guest.ok('dup2', guest.ok('open', inside, O_DIRECTORY, 0), 100);
  guest.ok('dup2', guest.ok('inotify_init1', 0), 101);
  guest.ok('dup2', guest.ok('socket', AF_UNIX, 1, 0), 102);
  guest.ok('chdir', inside);
}

describe.each(Object.entries(MOUNTS))('%s', (_title, mount) => {
  test.each(Object.entries(WAYS))('%s leads out for no call', (_way, path) => {
    prepare(mount);
    const before = outside();
    const found = calls((name) => path(mount, name), mount).filter((call) => {
      const got = reached(call);
      expect([call[0], outside()]).toEqual([call[0], before]);
      return got;
    });
    // A folder of that name that the guest made for itself is none of the host's.
    expect(found.map(([name]) => name)).toEqual([]);
    expect(readdirSync(host.path).sort()).toEqual(['outside', 'ro', 'root', 'rw']);
  });
});

test.each(['absolute', 'relative', 'chain', 'process'])(
  'natively the link %s does lead out',
  (link) => {
    expect(readFileSync(join(host.at('rw'), link, 'secret'), 'latin1')).toBe(SECRET);
  },
);

test('a look at what is outside would be noticed', () => {
  using exposed = new Guest({ rootfs: host.path });
  exposed.ok('open', '/outside/secret', 0, 0);
  exposed.ok('fstat', 0, MEMORY_START);
  expect(inodes()).toContain(exposed.get(MEMORY_START + 8, 8).readBigUInt64LE());
});

/** A process of the host's swaps a directory for a link that leads out, while the guest uses paths through it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { guest as program } from '../../guests/build.js';
import { workload } from '../../patience.js';
import { type Argument, Guest, HostTree, MEMORY_START } from './guest.js';

const SECRET = 'outside of every mount';
const INSIDE = 'inside';
const O_DIRECTORY = 0o200000;
const O_RDWR_CREAT = 0o102;
const AT_FDCWD = -100n;

let host: HostTree;
let guest: Guest;
let swapper: ChildProcess;

beforeEach(async () => {
  host = new HostTree();
  mkdirSync(host.at('outside/folder'), { recursive: true });
  writeFileSync(host.at('outside/secret'), SECRET);
  for (const mount of ['root', 'rw', 'ro']) {
    mkdirSync(host.at(mount, 'swap/folder'), { recursive: true });
    mkdirSync(host.at(mount, 'still'));
    writeFileSync(host.at(mount, 'swap/secret'), INSIDE);
    symlinkSync('../outside', host.at(mount, 'aside'));
  }
  newGuest();
  const directories = ['root', 'rw', 'ro'].map((mount) => host.at(mount));
  swapper = spawn(program('swapper'), directories, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (swapper.stdout !== null) await once(swapper.stdout, 'data');
});

afterEach(async () => {
  const ended = once(swapper, 'exit');
  swapper.stdin?.end();
  // It only ends by itself where a swap has failed.
  expect(await ended).toEqual([0, null]);
  guest[Symbol.dispose]();
  host[Symbol.dispose]();
});

function newGuest(): void {
  guest = new Guest({
    rootfs: host.at('root'),
    binds: [
      { host: host.at('rw'), guest: '/rw', readOnly: false },
      { host: host.at('ro'), guest: '/ro', readOnly: true },
    ],
  });
  guest.ok('dup2', guest.ok('inotify_init1', 0), 101);
}

/** A new one now and then: what the layer in memory has met once stays as it was. */
function renew(n: number): void {
  if (n % 4 !== 0) return;
  guest[Symbol.dispose]();
  newGuest();
}

type Call = readonly [name: string, ...args: Argument[]];

function changes(mount: string, n: number): Call[] {
  const [swap, still] = [`${mount}/swap`, `${mount}/still`];
  const name = `made-${String(n)}`;
  return [
    ['mkdir', `${swap}/${name}`, 0o755],
    ['rmdir', `${swap}/${name}`],
    ['symlink', 'anything', `${swap}/${name}`],
    ['unlink', `${swap}/${name}`],
    ['mknod', `${swap}/${name}`, 0o100644, 0],
    ['link', `${swap}/${name}`, `${still}/${name}`],
    ['rename', `${swap}/${name}`, `${still}/${name}`],
    ['rename', `${still}/${name}`, `${swap}/${name}`],
    ['unlink', `${swap}/${name}`],
    ['chmod', `${swap}/secret`, 0o640 | (n & 7)],
    ['chmod', `${swap}/folder`, 0o750 | (n & 7)],
    ['fchmodat', AT_FDCWD, `${swap}/secret`, 0o600],
    ['lchown', `${swap}/secret`, 0, 0],
    ['utimensat', AT_FDCWD, `${swap}/secret`, new Uint8Array(32), 0],
    ['utimes', `${swap}/secret`, 0],
    ['setxattr', `${swap}/secret`, 'user.note', MEMORY_START, 4, 0],
    ['inotify_add_watch', 101, `${swap}/secret`, 0xfff],
    ['stat', `${swap}/secret`, MEMORY_START],
  ];
}

/** What was read through the directory: by its path, from within it, and by a descriptor on it. */
function readings(mount: string): (string | undefined)[] {
  const found = [readFrom('open', `${mount}/swap/secret`)];
  const fd = guest.call('open', `${mount}/swap`, O_DIRECTORY, 0);
  if (typeof fd === 'number') {
    found.push(readFrom('openat', fd, 'secret'), readFrom('openat', fd, '../swap/secret'));
    guest.ok('close', fd);
  }
  if (guest.call('chdir', `${mount}/swap`) === 0) {
    found.push(readFrom('open', 'secret'));
    guest.ok('chdir', '/');
  }
  return found;
}

function readFrom(name: string, ...args: Argument[]): string | undefined {
  const fd = guest.call(name, ...args, 0, 0);
  if (typeof fd !== 'number') return undefined;
  const count = guest.call('read', fd, MEMORY_START, 100);
  guest.ok('close', fd);
  // The file may have been truncated, or its name be another's now: then there is an error.
  return typeof count === 'number' ? guest.get(MEMORY_START, count).toString() : undefined;
}

function overwrite(mount: string): void {
  const fd = guest.call('open', `${mount}/swap/secret`, O_RDWR_CREAT, 0o644);
  if (typeof fd !== 'number') return;
  guest.mm.copyOut(MEMORY_START, Buffer.from(INSIDE));
  guest.call('write', fd, MEMORY_START, INSIDE.length);
  guest.ok('close', fd);
  guest.call('truncate', `${mount}/swap/secret`, INSIDE.length);
}

function outside(): string[] {
  return ['', 'secret', 'folder'].map((name) => {
    const found = lstatSync(host.at('outside', name), { bigint: true });
    const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = found;
    return [name, ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs].join(' ');
  });
}

test.each([
  ['read-write', '/rw'],
  ['read-only', '/ro'],
  ['layer in memory', ''],
])('%s: a link in place of a directory is not followed out', async (_title, mount) => {
  const before = outside();
  const seen = new Set<string | undefined>();
  for (let n = 0; n < workload(120); n++) {
    renew(n);
    for (const text of readings(mount)) seen.add(text);
    for (const [name, ...args] of changes(mount, n)) guest.call(name, ...args);
    overwrite(mount);
    for (const text of readings(mount)) seen.add(text);
    await setImmediate();
  }
  expect(outside()).toEqual(before);
  expect(readFileSync(host.at('outside/secret'), 'latin1')).toBe(SECRET);
  expect(readdirSync(host.at('outside')).sort()).toEqual(['folder', 'secret']);
  expect(seen).not.toContain(SECRET);
  // Both were met: the directory, and the link, which leads nowhere inside.
  expect(seen).toContain(INSIDE);
  expect(seen).toContain(undefined);
});

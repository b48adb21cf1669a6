/** What is in /dev. */
import { Mode, encodeDevice } from '../../abi/stat.js';
import type { Dentry } from '../dentry.js';
import type { Inode } from '../inode.js';
import { MemoryDirectory } from '../memory-directory.js';
import { MemoryNode } from '../memory-inode.js';
import type { Mount } from '../mount.js';
import type { Tmpfs } from '../tmpfs.js';
import { type DevPts, MultiplexerNode } from '../tty/devpts.js';
import { behaviours, type DeviceBehaviour, DeviceNode, TerminalNode } from './devices.js';

/** Name, major, minor (Linux's Documentation/admin-guide/devices.txt), behaviour. */
const DEVICES: readonly (readonly [string, number, number, DeviceBehaviour])[] = [
  ['null', 1, 3, behaviours.null],
  ['zero', 1, 5, behaviours.zero],
  ['full', 1, 7, behaviours.full],
  ['random', 1, 8, behaviours.random],
  ['urandom', 1, 9, behaviours.urandom],
];

const LINKS: readonly (readonly [string, string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
];

const TTY_GROUP = 5;
const owner = { uid: 0, gid: 0 };

export function populateDevices(mount: Mount, fs: Tmpfs, devpts: DevPts): void {
  const { root } = mount;
  const { store } = fs;
  const character = Mode.S_IFCHR | 0o666;
  for (const [name, major, minor, behaviour] of DEVICES) {
    const node = { mode: character, ...owner, device: encodeDevice(major, minor) };
    put(root, name, new DeviceNode(store, node, behaviour));
  }
  const terminal = { mode: character, uid: 0, gid: TTY_GROUP, device: encodeDevice(5, 0) };
  put(root, 'tty', new TerminalNode(store, terminal));
  const multiplexer = { ...terminal, device: encodeDevice(5, 2) };
  put(root, 'ptmx', new MultiplexerNode(store, multiplexer, devpts));
  for (const [name, target] of LINKS) {
    put(root, name, new MemoryNode(store, { mode: Mode.S_IFLNK | 0o777, ...owner, target }));
  }
  put(root, 'shm', new MemoryDirectory(store, { mode: Mode.S_IFDIR | 0o1777, ...owner }));
  put(root, 'pts', new MemoryDirectory(store, { mode: Mode.S_IFDIR | 0o755, ...owner }));
  fs.root.record.nlink += 2;
}

function put(root: Dentry, name: string, inode: Inode): void {
  root.add(name, inode).pin();
}

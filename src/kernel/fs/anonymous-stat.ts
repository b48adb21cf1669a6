/** fstat(2) of what has no name: pipes, streams, memory files. */
import { Mode, STATX_BASIC_STATS, type StatRecord } from '../abi/stat.js';
import type { AttributeChange } from './inode.js';
import { now } from './time-stamp.js';

const PERMISSIONS = 0o7777;

/** What chmod(2) and its kin changed, by what the object is. */
const changes = new WeakMap<object, AttributeChange>();

/** Changes metadata of an object without a name: nothing goes by them, but fstat(2) tells. */
export function changeAnonymous(object: object, change: AttributeChange): number {
  changes.set(object, { ...changes.get(object), ...change });
  return 0;
}

let lastInode = 1000;

/** A number for an object without a name. */
export function nextAnonymousInode(): number {
  return ++lastInode;
}

export function fillAnonymousStat(
  out: StatRecord,
  mode: number,
  device: number,
  inode: number,
  object: object,
): number {
  const time = now();
  const changed = changes.get(object);
  out.bytes.fill(0);
  out.mask = STATX_BASIC_STATS;
  out.blockSize = 4096;
  out.mode = (mode & Mode.S_IFMT) | (changed?.mode ?? mode & PERMISSIONS);
  out.nlink = 1;
  out.uid = changed?.uid ?? process.geteuid?.() ?? 0;
  out.gid = changed?.gid ?? process.getegid?.() ?? 0;
  out.inode = BigInt(inode);
  out.device = device;
  out.setTime('atime', changed?.atime ?? time);
  out.setTime('ctime', time);
  out.setTime('mtime', changed?.mtime ?? time);
  return 0;
}

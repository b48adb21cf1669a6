/** fstat(2) of what has no name: pipes, streams, memory files. */
import { STATX_BASIC_STATS, type StatRecord } from '../abi/stat.js';
import { now } from './time-stamp.js';

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
): number {
  const time = now();
  out.bytes.fill(0);
  out.mask = STATX_BASIC_STATS;
  out.blockSize = 4096;
  out.mode = mode;
  out.nlink = 1;
  out.uid = process.geteuid?.() ?? 0;
  out.gid = process.getegid?.() ?? 0;
  out.inode = BigInt(inode);
  out.device = device;
  for (const field of ['atime', 'ctime', 'mtime'] as const) {
    out.setTime(field, time);
  }
  return 0;
}

/** Changing the metadata of an object that lives in memory. */
import { Mode, type StatRecord } from '../abi/stat.js';
import type { AttributeChange } from './inode.js';
import { now } from './time-stamp.js';

const PERMISSIONS = 0o7777;

export function applyChange(record: StatRecord, change: AttributeChange): void {
  if (change.mode !== undefined) {
    record.mode = (record.mode & Mode.S_IFMT) | (change.mode & PERMISSIONS);
  }
  if (change.uid !== undefined) {
    record.uid = change.uid;
  }
  if (change.gid !== undefined) {
    record.gid = change.gid;
  }
  if (change.atime !== undefined) {
    record.setTime('atime', change.atime);
  }
  if (change.mtime !== undefined) {
    record.setTime('mtime', change.mtime);
  }
  record.setTime('ctime', now());
}

/** The contents changed. */
export function touchContents(record: StatRecord): void {
  const time = now();
  record.setTime('mtime', time);
  record.setTime('ctime', time);
}

/** Tells watches of what happens to files: called wherever something does. Costs next to nothing without watches. */
import { Inotify, WatchFlag } from '../../abi/inotify.js';
import { StatRecord } from '../../abi/stat.js';
import type { Dentry } from '../dentry.js';
import type { Inode } from '../inode.js';
import type { Watch } from './watch.js';

const byInode = new WeakMap<Inode, Set<Watch>>();
let count = 0;
/** Ties the two events of a move together. */
let lastCookie = 0;
const scratch = new StatRecord();

export function addWatch(watch: Watch): void {
  const watches = byInode.get(watch.inode) ?? new Set<Watch>();
  byInode.set(watch.inode, watches);
  watches.add(watch);
  count++;
}

export function removeWatch(watch: Watch): void {
  if (byInode.get(watch.inode)?.delete(watch) === true) {
    count--;
  }
}

function watchesOf(inode: Inode | undefined): Watch[] {
  return inode === undefined ? [] : [...(byInode.get(inode) ?? [])];
}

function emit(inode: Inode | undefined, mask: number, name: string, cookie: number): void {
  for (const watch of watchesOf(inode)) {
    watch.notify(mask, name, cookie);
  }
}

/** Something happened to the object itself. */
export function notifyInode(inode: Inode | undefined, mask: number): void {
  if (count > 0 && inode !== undefined) {
    emit(inode, mask | typeBit(inode), '', 0);
  }
}

/** Something happened to an object under its name: its directory is told as well. */
export function notifyPlace(dentry: Dentry | undefined, mask: number): void {
  if (count === 0 || dentry?.inode === undefined) {
    return;
  }
  const bits = mask | typeBit(dentry.inode);
  for (const watch of watchesOf(dentry.parent?.inode)) {
    if (!dentry.removed || (watch.mask & WatchFlag.EXCL_UNLINK) === 0) {
      watch.notify(bits, dentry.name, 0);
    }
  }
  emit(dentry.inode, bits, '', 0);
}

/** An entry of a directory came or went. */
export function notifyEntry(
  directory: Inode | undefined,
  name: string,
  inode: Inode | undefined,
  mask: number,
): void {
  if (count > 0 && inode !== undefined) {
    emit(directory, mask | typeBit(inode), name, 0);
  }
}

/** `child` has moved from one directory and name to another, over what was there. */
export function notifyMove(
  from: { readonly directory: Inode; readonly name: string },
  to: { readonly directory: Inode; readonly name: string },
  child: Inode,
  replaced: Dentry | undefined,
): void {
  if (count === 0) {
    return;
  }
  const type = typeBit(child);
  lastCookie = (lastCookie + 1) >>> 0;
  emit(from.directory, Inotify.MOVED_FROM | type, from.name, lastCookie);
  emit(to.directory, Inotify.MOVED_TO | type, to.name, lastCookie);
  if (replaced !== undefined) {
    notifyInode(replaced.inode, Inotify.ATTRIB);
  }
  emit(child, Inotify.MOVE_SELF | type, '', 0);
  if (replaced !== undefined) {
    notifyIfGone(replaced);
  }
}

/** The name `dentry` is gone; so is the object, unless it has another or somebody has it open. */
export function notifyIfGone(dentry: Dentry): void {
  const { inode } = dentry;
  const watches = inode && byInode.get(inode);
  if (count === 0 || inode === undefined || watches === undefined || watches.size === 0) {
    return;
  }
  const held = [...watches].filter((watch) => watch.location.dentry === dentry).length;
  const linked = !inode.isDirectory && inode.stat(scratch) === 0 && scratch.nlink > 0;
  if (dentry.users > held || linked) {
    return;
  }
  for (const watch of [...watches]) {
    watch.notify(Inotify.DELETE_SELF, '', 0);
    watch.end();
  }
}

function typeBit(inode: Inode): number {
  return inode.isDirectory ? Inotify.ISDIR : 0;
}

/**
 * Names and what they lead to: the tree of directory entries. For what lies in memory the tree is the
 * directory; for host files it is a cache.
 */
import type { FileSystem } from './file-system.js';
import type { Inode } from './inode.js';
import type { Mount } from './mount.js';

export class Dentry {
  /** Entries known. */
  children: Map<string, Dentry> | undefined;
  /** What is mounted here. */
  mount: Mount | undefined;
  /** The entry is more than a cache of the host's: it must not be forgotten. */
  pinned = false;
  /** It was removed from its directory. */
  removed = false;
  /** It never had a name (O_TMPFILE), and may be given one. */
  linkable = false;
  /** Open files and working directories here. */
  users = 0;

  constructor(
    public name: string,
    /** `undefined` for the root of a file system. */
    public parent: Dentry | undefined,
    /** `undefined`: a whiteout, which hides the host's object of that name. */
    public inode: Inode | undefined,
  ) {}

  child(name: string): Dentry | undefined {
    return this.children?.get(name);
  }

  /** Adds or replaces an entry. */
  add(name: string, inode: Inode | undefined): Dentry {
    const child = new Dentry(name, this, inode);
    this.children ??= new Map();
    this.children.set(name, child);
    return child;
  }

  /** Forgets the entry under `name`. */
  drop(name: string): void {
    this.children?.delete(name);
  }

  /** Keeps this entry and those above it. */
  pin(): void {
    this.pinned = true;
    for (let entry = this.parent; entry && !entry.pinned; entry = entry.parent) {
      entry.pinned = true;
    }
  }

  /** Moves this entry; the place it takes must have been cleared or may be overwritten. */
  moveTo(parent: Dentry, name: string): void {
    if (this.parent?.child(this.name) === this) {
      this.parent.drop(this.name);
    }
    this.parent = parent;
    this.name = name;
    parent.children ??= new Map();
    parent.children.set(name, this);
  }

  isBelow(ancestor: Dentry): boolean {
    if (this === ancestor) {
      return true;
    }
    for (let entry = this.parent; entry !== undefined; entry = entry.parent) {
      if (entry === ancestor) {
        return true;
      }
    }
    return false;
  }

  get fs(): FileSystem | undefined {
    return this.inode?.fs;
  }
}

/** Forgets cached entries below `root` that nobody uses; gives how many are left. */
export function pruneDentries(root: Dentry): number {
  // Guests nest directories as deep as they like: no recursion. Parents come before what is in them.
  const entries = [root];
  for (let at = 0; at < entries.length; at++) {
    for (const child of (entries[at] as Dentry).children?.values() ?? []) {
      entries.push(child);
    }
  }
  let left = 0;
  for (const entry of entries.reverse()) {
    const used =
      entry.pinned ||
      entry.users > 0 ||
      entry.inode?.isKept === true ||
      entry.mount !== undefined ||
      (entry.children !== undefined && entry.children.size > 0);
    if (used) {
      left++;
    } else {
      entry.parent?.drop(entry.name);
    }
  }
  return left;
}

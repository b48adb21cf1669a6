/**
 * Path resolution, path_resolution(7): one component at a time, beneath the root of the caller. The host never
 * sees a path with a link or `..` in it.
 */
import { Errno } from '../abi/errno.js';
import { AccessMode, MAX_SYMLINKS, NAME_MAX, PATH_MAX } from '../abi/fcntl.js';
import type { Caller } from './caller.js';
import { type Dentry, pruneDentries } from './dentry.js';
import type { Inode } from './inode.js';
import { lookupEpoch } from './lookup-epoch.js';
import { type Location, parentLocation } from './location.js';
import type { Mount } from './mount.js';
import type { OpenFile } from './open-file.js';
import { mayAccess } from './permission.js';
import { PENDING } from './user/answers.js';

/** How to treat the last component, and where not to go: the RESOLVE_ flags of openat2(2). */
export const Walk = {
  /** Follow it where it is a symbolic link. */
  Follow: 1,
  /** It may be missing; the directory it would be in is wanted too. */
  Parent: 2,
  /** A trailing slash does not make a link in the last place be followed: the calls that remove names. */
  KeepSlashedLink: 4,
  /** No symbolic link is followed, in whatever place. */
  NoLinks: 8,
  NoMagicLinks: 16,
  /** No way leads into another mount, or out of one. */
  OneMount: 32,
  /** No way leads out of the directory where it starts. */
  Beneath: 64,
  /** The directory where it starts is its root. */
  StartIsRoot: 128,
} as const;

/** What the last component was. */
export type LastKind = 'name' | 'dot' | 'dotdot' | 'root' | 'magic';

const SCOPED = Walk.Beneath | Walk.StartIsRoot;

/** Cached entries at which unused ones are forgotten. */
const CACHE_LIMIT = 65536;

/** The result of a walk, and the walk itself. One serves all walks, one after the other. */
export class PathWalk {
  /** Where it ended. `dentry` is undefined where a last component that may be missing is. */
  mount!: Mount;
  dentry: Dentry | undefined;
  /** The directory of the last component, where that is a name. */
  parent: Location | undefined;
  last = '';
  lastKind: LastKind = 'root';
  trailingSlash = false;
  /** An open file that a magic link led to and that has no place of its own. */
  file: OpenFile | undefined;

  constructor(readonly mounts: readonly Mount[]) {}

  #root!: Location;
  #caller!: Caller;
  #flags = 0;
  #links = 0;
  #cached = 0;

  /** 0, or -errno. */
  run(caller: Caller, root: Location, start: Location, path: string, flags: number): number {
    lookupEpoch.current++;
    this.#root = flags & SCOPED ? start : root;
    this.#caller = caller;
    this.#flags = flags;
    this.#links = 0;
    this.file = undefined;
    this.parent = undefined;
    this.lastKind = 'root';
    this.trailingSlash = false;
    if (path === '') {
      return -Errno.ENOENT;
    }
    if (path.length >= PATH_MAX) {
      return -Errno.ENAMETOOLONG;
    }
    if (flags & Walk.Beneath && path.startsWith('/')) {
      return -Errno.EXDEV;
    }
    this.#enter(path.startsWith('/') ? this.#root : start);
    return this.#walk(path);
  }

  /** Where it ended; only where `dentry` is there. */
  get location(): Location {
    return { mount: this.mount, dentry: this.dentry as Dentry };
  }

  /** The inode it ended at; only where `dentry` is there. */
  get inode(): Inode {
    return (this.dentry as Dentry).inode as Inode;
  }

  #enter(location: Location): void {
    this.mount = location.mount;
    this.dentry = location.dentry;
  }

  #walk(path: string): number {
    let rest = path;
    for (;;) {
      let start = 0;
      while (rest.charCodeAt(start) === 0x2f) {
        start++;
      }
      if (start === rest.length) {
        return this.#finish();
      }
      let end = rest.indexOf('/', start);
      end = end < 0 ? rest.length : end;
      const name = rest.slice(start, end);
      let next = end;
      while (rest.charCodeAt(next) === 0x2f) {
        next++;
      }
      const isLast = next === rest.length;
      const slashed = next > end;
      if (isLast) {
        this.trailingSlash = slashed;
      }
      const target = this.#step(name, isLast, slashed);
      if (typeof target === 'number') {
        if (target < 0 || (isLast && this.dentry === undefined)) {
          return target;
        }
        rest = rest.slice(next);
        if (rest === '') {
          return this.#finish();
        }
      } else {
        // A slash that followed the link keeps its meaning.
        rest = target + rest.slice(end);
      }
    }
  }

  #finish(): number {
    if (this.trailingSlash && this.dentry?.inode?.isDirectory === false) {
      return -Errno.ENOTDIR;
    }
    return 0;
  }

  /** One component: 0, -errno, or the target of a link to go on with. */
  #step(name: string, isLast: boolean, slashed: boolean): number | string {
    const directory = this.dentry as Dentry;
    const inode = directory.inode as Inode;
    if (!inode.isDirectory) {
      return -Errno.ENOTDIR;
    }
    if (!mayAccess(inode, this.#caller.credentials, AccessMode.X_OK)) {
      return -Errno.EACCES;
    }
    this.parent = undefined;
    this.file = undefined;
    if (name === '.') {
      this.lastKind = 'dot';
      return 0;
    }
    if (name === '..') {
      this.lastKind = 'dotdot';
      return this.#up();
    }
    if (name.length > NAME_MAX) {
      return -Errno.ENAMETOOLONG;
    }
    this.lastKind = 'name';
    if (isLast) {
      this.parent = { mount: this.mount, dentry: directory };
      this.last = name;
    }
    return this.#down(directory, name, isLast, slashed);
  }

  #up(): number {
    const here = this.location;
    if (here.mount === this.#root.mount && here.dentry === this.#root.dentry) {
      return this.#flags & Walk.Beneath ? -Errno.EXDEV : 0;
    }
    const above = parentLocation(here);
    if (this.#flags & Walk.OneMount && above.mount !== here.mount) {
      return -Errno.EXDEV;
    }
    this.#enter(above);
    return this.#crossMounts();
  }

  #down(directory: Dentry, name: string, isLast: boolean, slashed: boolean): number | string {
    const child = this.lookup(directory, name, this.#caller);
    if (typeof child === 'number') {
      if (child === -Errno.ENOENT && isLast && this.#flags & Walk.Parent) {
        this.dentry = undefined;
        return 0;
      }
      return child;
    }
    if (child.inode?.isSymlink && child.mount === undefined) {
      const slashFollows = slashed && (this.#flags & Walk.KeepSlashedLink) === 0;
      if (!isLast || slashFollows || this.#flags & Walk.Follow) {
        return this.#follow(child.inode, isLast);
      }
    }
    this.dentry = child;
    return this.#crossMounts();
  }

  #crossMounts(): number {
    let mount = this.dentry?.mount;
    if (mount !== undefined && this.#flags & Walk.OneMount) {
      return -Errno.EXDEV;
    }
    while (mount !== undefined) {
      this.mount = mount;
      this.dentry = mount.root;
      mount = mount.root.mount;
    }
    return 0;
  }

  #follow(link: Inode, isLast: boolean): number | string {
    if (++this.#links > MAX_SYMLINKS || this.#flags & Walk.NoLinks) {
      return -Errno.ELOOP;
    }
    const magic = link.followMagic(this.#caller);
    if (magic !== undefined) {
      return this.#jump(magic, isLast);
    }
    const target = link.readLink(this.#caller);
    if (target === '') {
      return -Errno.ENOENT;
    }
    if (typeof target === 'string' && target.startsWith('/')) {
      const leaves = this.#flags & Walk.OneMount && this.mount !== this.#root.mount;
      if (leaves || this.#flags & Walk.Beneath) {
        return -Errno.EXDEV;
      }
      this.#enter(this.#root);
      this.lastKind = 'root';
    }
    return target;
  }

  #jump(magic: NonNullable<ReturnType<Inode['followMagic']>>, isLast: boolean): number {
    if (typeof magic === 'number') {
      return magic;
    }
    if (this.#flags & Walk.NoMagicLinks) {
      return -Errno.ELOOP;
    }
    const mount = 'location' in magic ? magic.location.mount : undefined;
    if (this.#flags & SCOPED || (this.#flags & Walk.OneMount && mount !== this.mount)) {
      return -Errno.EXDEV;
    }
    this.lastKind = 'magic';
    this.parent = undefined;
    if ('location' in magic) {
      this.#enter(magic.location);
      return 0;
    }
    if (!isLast) {
      return -Errno.ENOTDIR;
    }
    this.file = magic.file;
    return 0;
  }

  /** Forgets the cached entry it ended at, which the host has changed; false where it is none. */
  forget(): boolean {
    const { dentry } = this;
    if (dentry?.parent === undefined || dentry.pinned || dentry.mount !== undefined) {
      return false;
    }
    dentry.parent.drop(dentry.name);
    return true;
  }

  /** The entry `name` of a directory: -ENOENT where there is none. */
  lookup(directory: Dentry, name: string, caller: Caller): Dentry | number {
    const inode = directory.inode as Inode;
    const known = directory.child(name);
    if (known !== undefined && known.inode === undefined) {
      return -Errno.ENOENT;
    }
    if (known !== undefined && (known.mount !== undefined || inode.fs.revalidate(known))) {
      return known;
    }
    if (directory.removed) {
      return -Errno.ENOENT;
    }
    const found = inode.lookup(directory, name, caller);
    if (typeof found === 'number') {
      if (found !== PENDING) {
        directory.drop(name);
      }
      return found;
    }
    if (++this.#cached > CACHE_LIMIT) {
      directory.users++;
      this.#prune();
      directory.users--;
    }
    return directory.add(name, found);
  }

  #prune(): void {
    this.#cached = 0;
    for (const mount of this.mounts) {
      this.#cached += pruneDentries(mount.root);
    }
    // What is in use is not counted against the cache.
    this.#cached = Math.min(this.#cached, CACHE_LIMIT / 2);
  }
}

/** A file system object: what the path walk and the file system calls ask of it. */
import { Errno } from '../abi/errno.js';
import { Mode, type StatRecord, type Timespec } from '../abi/stat.js';
import type { Caller } from './caller.js';
import type { Dentry } from './dentry.js';
import type { FileSystem } from './file-system.js';
import type { Location } from './location.js';
import type { OpenFile } from './open-file.js';
import { NO_XATTRS, type Xattrs } from './xattrs.js';

/** What chmod(2), chown(2) and utimensat(2) change. */
export interface AttributeChange {
  /** Permission bits, 07777. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atime?: Timespec;
  readonly mtime?: Timespec;
}

/** A new object to make in a directory. */
export interface NewNode {
  /** Type and permission bits; the umask has been applied. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a device node. */
  readonly device?: number;
  /** Of a symbolic link. */
  readonly target?: string;
}

/** Where the kernel itself follows a link: a place, or an open file that has none. */
export type MagicTarget = { readonly location: Location } | { readonly file: OpenFile } | number;

/**
 * Results that are numbers below 0 are -errno. The directory operations find the permissions checked and the
 * directory tree untouched; the caller updates the tree when they succeed.
 */
export abstract class Inode {
  abstract readonly fs: FileSystem;
  /** Type and permissions, owner: as of the last look at the object. */
  abstract readonly mode: number;
  abstract readonly uid: number;
  abstract readonly gid: number;

  get type(): number {
    return this.mode & Mode.S_IFMT;
  }

  get isDirectory(): boolean {
    return this.type === Mode.S_IFDIR;
  }

  get isSymlink(): boolean {
    return this.type === Mode.S_IFLNK;
  }

  get isRegular(): boolean {
    return this.type === Mode.S_IFREG;
  }

  /** It holds what another look at the host would not find again: the cache must not forget it. */
  get isKept(): boolean {
    return false;
  }

  /** Fills `out`. -ESTALE: the host's object under this name is another one now; look it up again. */
  abstract stat(out: StatRecord): number;

  /** Opens it with the flags of open(2); permissions have been checked. */
  abstract open(location: Location, flags: number, caller: Caller): OpenFile | number;

  abstract setAttributes(change: AttributeChange): number;

  truncate(_size: number): number {
    return this.isDirectory ? -Errno.EISDIR : -Errno.EINVAL;
  }

  readLink(_caller: Caller): string | number {
    return -Errno.EINVAL;
  }

  /** A link that leads to an object rather than to a path, as /proc/PID/fd has them. */
  followMagic(_caller: Caller): MagicTarget | undefined {
    return undefined;
  }

  /** The object of that name in this directory, which is the inode of `directory`. */
  lookup(_directory: Dentry, _name: string, _caller: Caller): Inode | number {
    return -Errno.ENOTDIR;
  }

  /** Records of struct linux_dirent64 of this directory. */
  readDirectory(_directory: Dentry, _caller: Caller): Uint8Array | number {
    return -Errno.ENOTDIR;
  }

  /** No name but `.` and `..` is in this directory; negative where that cannot be told. */
  isEmpty(_directory: Dentry, _caller: Caller): boolean | number {
    return -Errno.ENOTDIR;
  }

  make(_directory: Dentry, _name: string, _node: NewNode): Inode | number {
    return -Errno.EPERM;
  }

  /** Removes `child`, which is in `directory`; an empty directory where it is one. */
  remove(_directory: Dentry, _child: Dentry): number {
    return -Errno.EPERM;
  }

  /** One more name leads here. Only metadata: `link` changes the directory. */
  addLink(): number {
    return -Errno.EPERM;
  }

  /** A name of it is gone; a directory has no other. */
  dropLink(): void {
    // What has no link count of its own does not mind.
  }

  /** Gives `target` one more name here. */
  link(_directory: Dentry, _name: string, _target: Dentry): number {
    return -Errno.EPERM;
  }

  /** Moves `child` to `newName` in `newDirectory`, over `replaced` if given; both directories are of this fs. */
  rename(
    _directory: Dentry,
    _child: Dentry,
    _newDirectory: Dentry,
    _newName: string,
    _replaced: Dentry | undefined,
  ): number {
    return -Errno.EPERM;
  }

  /** Exchanges two entries, renameat2(2) with RENAME_EXCHANGE. */
  exchange(_first: Dentry, _second: Dentry): number {
    return -Errno.EINVAL;
  }

  get xattrs(): Xattrs {
    return NO_XATTRS;
  }

  /** A file of this directory's file system that has no name, open(2) with O_TMPFILE. */
  makeNameless(_node: NewNode): Inode | number {
    return -Errno.EOPNOTSUPP;
  }
}

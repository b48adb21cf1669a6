/** What a user of the library implements to mount files of their own. */

/** Metadata of an object. */
export interface UserStat {
  readonly type: 'file' | 'directory' | 'symlink';
  /** Bytes in a file; what `read` gives counts. */
  readonly size?: number;
  /** Permission bits; 0o555 for directories and 0o444 for files by default. */
  readonly mode?: number;
  /** 0 by default. */
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: Date;
}

/**
 * Files that a sandbox sees read-only. Paths are absolute beneath the mount, `/` is its root, without `.`, `..` and empty
 * parts, and without links followed. Every method may give a promise: the program waits. An error whose `code` is the
 * name of one of Linux's (`ENOENT`, as those of node:fs have it) is the program's; any other becomes EIO, and `onDefect`
 * is told. The root is a directory and not asked for.
 */
export interface UserFileSystem {
  stat(path: string): UserStat | PromiseLike<UserStat>;
  /** Names in a directory, in any order. */
  readdir(path: string): readonly string[] | PromiseLike<readonly string[]>;
  /**
   * At most `length` bytes of a file; none at its end. A file is read whole as it is opened, into the memory that the
   * sandbox may use, and stays as it was then until nobody has it open.
   */
  read(path: string, offset: number, length: number): Uint8Array | PromiseLike<Uint8Array>;
  /** The target of a symbolic link; needed where there are any. */
  readlink?(path: string): string | PromiseLike<string>;
}

/** What execve(2) needs of a file. The file system opens it. */
import type { Location } from '../fs/location.js';
import type { MappedFile } from '../mm/mappable.js';

export interface ExecutableFile {
  /** What segments are mapped from; its `readable` is true: execution needs no read permission. */
  readonly mapped: MappedFile;
  /** Bytes in the file. */
  readonly size: number;
  /** Absolute path inside the guest, links resolved. */
  readonly path: string;
  /** What /proc/PID/exe leads to. */
  readonly location?: Location;
  /** Copies from byte `offset` on; bytes copied (less only at the end of the file), or -errno. */
  readAt(offset: number, into: Uint8Array): number;
  close(): void;
}

/** `FsContext` implements it. */
export interface ExecutableOpener {
  /**
   * Opens a file to execute, by a path relative to the working directory, following links. Gives -ENOENT,
   * -ENOTDIR, -ELOOP, -ENAMETOOLONG, or -EACCES where it is no regular file, lacks the execute permission for
   * this context's credentials or lies on a noexec mount.
   */
  openExecutable(path: string): ExecutableFile | number;
}

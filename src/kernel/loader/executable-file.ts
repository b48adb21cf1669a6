/** What execve(2) needs of a file. The file system opens it. */
import type { Location } from '../fs/location.js';
import type { MappedFile } from '../mm/mappable.js';

/** Contents that nobody may open for writing while a program runs from them (ETXTBSY). */
export interface ExecutedContents {
  /** -ETXTBSY where somebody may write them already; 0 where they are denied already. Matched by `allowWriting`. */
  denyWriting(): number;
  allowWriting(): void;
}

export interface ExecutableFile {
  /** What segments are mapped from; its `readable` is true: execution needs no read permission. */
  readonly mapped: MappedFile;
  /** Bytes in the file. */
  readonly size: number;
  /** Absolute path inside the guest, links resolved. */
  readonly path: string;
  /** What /proc/PID/exe leads to. */
  readonly location?: Location;
  /** Denied to writers until `close`. */
  readonly contents?: ExecutedContents;
  /** Copies from byte `offset` on; bytes copied (less only at the end of the file), or -errno. */
  readAt(offset: number, into: Uint8Array): number;
  close(): void;
}

/** `FsContext` implements it. */
export interface ExecutableOpener {
  /**
   * Opens a file to execute, by a path relative to the working directory, following links. Gives -ENOENT,
   * -ENOTDIR, -ELOOP, -ENAMETOOLONG, -ETXTBSY where it is open for writing, or -EACCES where it is no regular file, lacks the execute permission for
   * this context's credentials or lies on a noexec mount.
   */
  openExecutable(path: string): ExecutableFile | number;
}

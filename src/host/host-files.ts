/**
 * Host files and descriptors, typed. Results below 0 are -errno. Paths are relative to a directory descriptor,
 * in Latin-1 characters for bytes, with no empty, `.` or `..` component; `''` is the directory itself. The host
 * never follows a symbolic link in them.
 */
import { native } from './native.js';

interface HostFiles {
  /** Descriptor of a host path, whose links are followed: only for what the user named. */
  openRoot(path: string, directoryOnly: number): number;
  /** Opens a regular file or a directory; -ENXIO for others, -ELOOP for a link. Fills `stat` (struct statx). */
  openBeneath(root: number, path: string, flags: number, stat: Uint8Array): number;
  /** Opens a directory for `getdents`; -ENOTDIR or -ELOOP for others. */
  openDirectoryBeneath(root: number, path: string): number;
  /** Fills `stat`, 256 bytes, with struct statx of what is there, a link itself included. */
  statBeneath(root: number, path: string, stat: Uint8Array): number;
  statFd(fd: number, stat: Uint8Array): number;
  readlinkBeneath(root: number, path: string, out: Uint8Array): number;
  /** Records of struct linux_dirent64. */
  getdents(fd: number, out: Uint8Array): number;
  /** struct statfs, 120 bytes. */
  statfsBeneath(root: number, path: string, out: Uint8Array): number;
  /** xattr(7) of what is beneath `root`, or, without a path, of what `root` is open on. */
  getxattr(root: number, path: string | undefined, name: string, out: Uint8Array): number;
  listxattr(root: number, path: string | undefined, out: Uint8Array): number;

  /** A new regular file, open for reading and writing; -EEXIST where the name is taken. */
  createBeneath(root: number, path: string, mode: number): number;
  /** A regular file without a name, open for reading and writing, in the file system of the directory. */
  createNameless(root: number, path: string, mode: number): number;
  /** Gives the file that is open under `fd` a name. */
  linkFd(fd: number, root: number, path: string): number;
  /** A FIFO or the name of a socket; -EPERM for others. */
  mknodBeneath(root: number, path: string, mode: number): number;
  setxattr(
    root: number,
    path: string | undefined,
    name: string,
    value: Uint8Array,
    flags: number,
  ): number;
  removexattr(root: number, path: string | undefined, name: string): number;
  mkdirBeneath(root: number, path: string, mode: number): number;
  unlinkBeneath(root: number, path: string, isDirectory: number): number;
  renameBeneath(
    root: number,
    path: string,
    newRoot: number,
    newPath: string,
    flags: number,
  ): number;
  linkBeneath(root: number, path: string, newRoot: number, newPath: string): number;
  symlinkBeneath(target: string, root: number, path: string): number;
  chmodBeneath(root: number, path: string, mode: number): number;
  chownBeneath(root: number, path: string, uid: number, gid: number): number;
  utimesBeneath(
    root: number,
    path: string,
    atimeSeconds: number,
    atimeNanoseconds: number,
    mtimeSeconds: number,
    mtimeNanoseconds: number,
  ): number;
  ftruncate(fd: number, size: number): number;
  /** fallocate(2) */
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  fsync(fd: number, dataOnly: number): number;

  pread(fd: number, out: Uint8Array, offset: number): number;
  pwrite(fd: number, data: Uint8Array, offset: number): number;
  /** -EAGAIN where it would wait, whatever the descriptor's O_NONBLOCK says. */
  tryRead(fd: number, out: Uint8Array): number;
  tryWrite(fd: number, data: Uint8Array): number;
  /** At the descriptor's own position; for regular files, which do not wait. */
  readFd(fd: number, out: Uint8Array): number;
  writeFd(fd: number, data: Uint8Array): number;
  lseek(fd: number, offset: number, whence: number): number;
  /** poll(2) that does not wait. */
  pollFd(fd: number, events: number): number;
  /** F_GETFL */
  statusFlags(fd: number): number;
  /** F_GET_SEALS; -EINVAL for what cannot be sealed. */
  getSeals(fd: number): number;
  /** A non-blocking description of our own for the terminal that `fd` is open on. */
  reopenTerminal(fd: number): number;
  duplicateFd(fd: number): number;
  closeFd(fd: number): number;
  /** Gives `fd`, which is closed when this thread's JavaScript ends if `closeFd` has not been before; or an errno. */
  keepFd(fd: number): number;
  /** A fixed list of terminal requests; -ENOTTY for others. */
  ioctlFd(fd: number, request: number, argument: Uint8Array | number): number;

  watchStart(fd: number, events: number): number;
  watchStop(fd: number): number;
  watchListener(listener: (fd: number, events: number) => void): void;
}

export const hostFiles = native as unknown as HostFiles;

/** Bytes of struct statx. */
export const STATX_SIZE = 256;

/** A directory of the host's and what is beneath it, or one file. */
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { StatRecord } from '../abi/stat.js';
import { hostDescriptors } from './host-descriptors.js';
import { lookupEpoch } from './lookup-epoch.js';

/** Directories are read into it, one read at a time: what is in it is good until the next. */
const records = Buffer.allocUnsafeSlow(32768);
export class HostRoot {
  /** Descriptor of it; -1 after `close`. */
  fd: number;
  /** What the last look-up found, and whose it is. */
  readonly found = new StatRecord();
  #foundPath: string | undefined;
  #foundEpoch = -1;

  /** @throws {HostDirectoryError} where it cannot be opened */
  constructor(
    readonly hostPath: string,
    directoryOnly: boolean,
  ) {
    this.fd = hostFiles.openRoot(Buffer.from(hostPath).toString('latin1'), Number(directoryOnly));
    if (this.fd < 0) {
      throw new HostDirectoryError(hostPath, -this.fd);
    }
    hostFiles.keepFd(this.fd);
  }

  close(): void {
    if (this.fd >= 0) {
      hostFiles.closeFd(this.fd);
      this.fd = -1;
    }
  }

  /** What was found may be about to change. */
  forget(): void {
    this.#foundPath = undefined;
  }

  /** Fills `found`. */
  look(path: string): number {
    const error = hostFiles.statBeneath(this.fd, path, this.found.bytes);
    this.#foundPath = error < 0 ? undefined : path;
    this.#foundEpoch = lookupEpoch.current;
    return error;
  }

  /** Metadata of what is at `path`; from the look-up just made, if it was that. */
  stat(path: string, out: StatRecord): number {
    if (this.#foundPath === path && this.#foundEpoch === lookupEpoch.current) {
      this.#foundPath = undefined;
      out.copyFrom(this.found);
      return 0;
    }
    return hostFiles.statBeneath(this.fd, path, out.bytes);
  }

  /** Opens a regular file or a directory and fills `stat`; -ENFILE where guests hold enough. See `hostDescriptors`. */
  open(path: string, flags: number, stat: StatRecord): number {
    this.#foundPath = undefined;
    return hostDescriptors.available
      ? hostDescriptors.opened(hostFiles.openBeneath(this.fd, path, flags, stat.bytes))
      : -Errno.ENFILE;
  }

  /** Makes a file without a name in the file system of a directory, and fills `stat`; -ENFILE as for `open`. */
  openNameless(directory: string, mode: number, stat: StatRecord): number {
    this.forget();
    if (!hostDescriptors.available) {
      return -Errno.ENFILE;
    }
    const fd = hostDescriptors.opened(hostFiles.createNameless(this.fd, directory, mode));
    return fd < 0 ? fd : hostFiles.statFd(fd, stat.bytes) || fd;
  }

  readLink(path: string): string | number {
    const out = Buffer.alloc(4096);
    const length = hostFiles.readlinkBeneath(this.fd, path, out);
    return length < 0 ? length : out.toString('latin1', 0, length);
  }

  /** Gives `take` all records of a directory, in the host's order, in parts that are good during the call. */
  readDirectory(path: string, take: (part: Uint8Array) => void): number {
    const fd = this.#openDirectory(path);
    if (fd < 0) {
      return fd;
    }
    try {
      for (;;) {
        const count = hostFiles.getdents(fd, records);
        if (count <= 0) {
          return count;
        }
        take(records.subarray(0, count));
      }
    } finally {
      hostDescriptors.close(fd);
    }
  }

  #openDirectory(path: string): number {
    return hostDescriptors.available
      ? hostDescriptors.opened(hostFiles.openDirectoryBeneath(this.fd, path))
      : -Errno.ENFILE;
  }
}

/** A directory or file of the host's, named by the user of the sandbox, that cannot be opened. */
export class HostDirectoryError extends Error {
  override readonly name = 'HostDirectoryError';

  constructor(
    readonly path: string,
    readonly errno: number,
  ) {
    super(`cannot open ${path}: ${reason(errno)}`);
  }
}

function reason(errno: number): string {
  switch (errno) {
    case Errno.ENOENT:
      return 'it does not exist';
    case Errno.ENOTDIR:
      return 'it is not a directory';
    case Errno.EACCES:
      return 'permission denied';
    default:
      return `errno ${String(errno)}`;
  }
}

/** Path of an entry of the directory at `path`. */
export function beneath(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

/**
 * A host file that is mapped into guests. A descriptor is only how a caller names it: the platform keeps one of its
 * own for as long as something of the file is mapped, and descriptors of the same file share it.
 */
import { STATX_SIZE, hostFiles } from '../host/host-files.js';
import { native, type NativeOpenFile } from '../host/native.js';
import { Access, type AccessType } from '../platform/access.js';
import { PlatformError } from '../platform/errors.js';

const O_ACCMODE = 3;
const O_RDWR = 2;
const O_WRONLY = 1;
const O_PATH = 0o10000000;
const F_SEAL_WRITE = 0x8;
const F_SEAL_FUTURE_WRITE = 0x10;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const TYPES: Readonly<Record<number, string>> = {
  0o010000: 'a pipe',
  0o020000: 'a character device',
  0o040000: 'a directory',
  0o060000: 'a block device',
  0o120000: 'a symbolic link',
  0o140000: 'a socket',
};

/** Offsets in struct statx (statx(2)). */
const STX_MODE = 28;
const STX_INO = 32;
const STX_DEV_MAJOR = 136;
const STX_DEV_MINOR = 140;

const statx = new DataView(new ArrayBuffer(STATX_SIZE));
const statxBytes = new Uint8Array(statx.buffer);

/** What makes two descriptors name the same file, opened alike. */
export interface FileIdentity {
  readonly key: string;
  /** Whether it can be mapped for writing. */
  readonly writable: boolean;
}

/** The file behind `fd`. @throws {PlatformError} where it cannot be mapped for `access` */
export function identifyFile(fd: number, access: AccessType): FileIdentity {
  const flags = Number.isInteger(fd) && fd >= 0 ? hostFiles.statusFlags(fd) : -1;
  if (flags < 0 || hostFiles.statFd(fd, statxBytes) < 0) {
    throw new PlatformError(`${fd} is no open file descriptor`);
  }
  const type = statx.getUint16(STX_MODE, true) & S_IFMT;
  if (type !== S_IFREG) {
    const name = TYPES[type] ?? 'no file';
    throw new PlatformError(
      `descriptor ${fd} is ${name}; only regular files and memfds can be mapped`,
    );
  }
  if ((flags & O_PATH) !== 0 || (flags & O_ACCMODE) === O_WRONLY) {
    throw new PlatformError(`descriptor ${fd} is not open for reading, which every mapping needs`);
  }
  const writable = (flags & O_ACCMODE) === O_RDWR && !isSealed(fd);
  if ((access & Access.Write) !== 0 && !writable) {
    throw new PlatformError(
      `descriptor ${fd} is open for reading only, or sealed; open the file for reading and writing`,
    );
  }
  return { key: `${deviceAndInode()}:${writable ? 'rw' : 'r'}`, writable };
}

export class HostFile {
  readonly writable: boolean;
  readonly key: string;
  readonly #open: NativeOpenFile;

  /** Of the file that `fd`, which the caller may close, was identified as. */
  constructor(fd: number, identity: FileIdentity) {
    this.#open = openFile(fd);
    this.key = identity.key;
    this.writable = identity.writable;
  }

  get fd(): number {
    return this.#open.fd;
  }

  /** Bytes, as of now: others may change it at any time. */
  size(): number {
    return Math.max(0, this.#open.size());
  }

  close(): void {
    this.#open.close();
  }
}

function openFile(fd: number): NativeOpenFile {
  try {
    return new native.OpenFile(fd);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new PlatformError(
      `the host gives no descriptor to keep the file open: ${message}; raise 'ulimit -n'`,
      { cause: error },
    );
  }
}

/** A memfd sealed against writing cannot be mapped for it, though it is open for it (fcntl(2)). */
function isSealed(fd: number): boolean {
  const seals = hostFiles.getSeals(fd);
  return seals > 0 && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
}

function deviceAndInode(): string {
  const major = statx.getUint32(STX_DEV_MAJOR, true);
  const minor = statx.getUint32(STX_DEV_MINOR, true);
  return `${major}:${minor}:${statx.getBigUint64(STX_INO, true)}`;
}

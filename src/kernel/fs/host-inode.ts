/** Metadata of a host object that the guest may change on the host. */
import { fchmodSync, fchownSync, fstatSync, futimesSync } from 'node:fs';
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { StatRecord, type Timespec } from '../abi/stat.js';
import type { HostObject } from './host-fs.js';
import type { AttributeChange } from './inode.js';
import type { Xattrs } from './xattrs.js';

const KEEP = -1;

function changeTimes(object: HostObject, change: AttributeChange, record: StatRecord): number {
  if (change.atime === undefined && change.mtime === undefined) {
    return 0;
  }
  const atime = change.atime ?? record.time('atime');
  const mtime = change.mtime ?? record.time('mtime');
  return hostFiles.utimesBeneath(
    object.root.fd,
    object.path,
    atime.seconds,
    atime.nanoseconds,
    mtime.seconds,
    mtime.nanoseconds,
  );
}

/** `fd`: the object is open under it, if not negative. */
export function changeHostAttributes(object: HostObject, change: AttributeChange, fd = -1): number {
  const record = new StatRecord();
  object.root.forget();
  const found = object.stat(record);
  const error = found < 0 ? found : changeByName(object, change, record);
  if (fd < 0 || (error !== -Errno.ESTALE && error !== -Errno.ENOENT)) {
    object.stat(record);
    return error;
  }
  const result = changeNameless(fd, change);
  object.stat(record, fd);
  return result;
}

function changeByName(object: HostObject, change: AttributeChange, record: StatRecord): number {
  const { root } = object;
  let error = 0;
  if (change.uid !== undefined || change.gid !== undefined) {
    const { uid = KEEP, gid = KEEP } = change;
    error = hostFiles.chownBeneath(root.fd, object.path, uid, gid);
  }
  if (error === 0 && change.mode !== undefined) {
    error = hostFiles.chmodBeneath(root.fd, object.path, change.mode);
  }
  return error === 0 ? changeTimes(object, change, record) : error;
}

/** The object has lost its name, which may be another's now. */
function changeNameless(fd: number, { uid, gid, mode, atime, mtime }: AttributeChange): number {
  try {
    const now = fstatSync(fd);
    if (uid !== undefined || gid !== undefined) {
      fchownSync(fd, uid ?? now.uid, gid ?? now.gid);
    }
    if (mode !== undefined) {
      fchmodSync(fd, mode);
    }
    if (atime !== undefined || mtime !== undefined) {
      futimesSync(fd, seconds(atime) ?? now.atime, seconds(mtime) ?? now.mtime);
    }
    return 0;
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -Errno.EIO;
  }
}

function seconds(time: Timespec | undefined): number | undefined {
  return time && time.seconds + time.nanoseconds / 1e9;
}

/** Attributes of an object on the host: by its name, unless it is open under `fd`. */
export class HostXattrs implements Xattrs {
  readonly #root: number;
  readonly #path: string | undefined;

  constructor({ root, path }: Pick<HostObject, 'root' | 'path'>, fd = -1) {
    this.#root = fd < 0 ? root.fd : fd;
    this.#path = fd < 0 ? path : undefined;
  }

  get(name: string, out: Uint8Array): number {
    return hostFiles.getxattr(this.#root, this.#path, name, out);
  }

  set(name: string, value: Uint8Array, flags: number): number {
    return hostFiles.setxattr(this.#root, this.#path, name, value, flags);
  }

  remove(name: string): number {
    return hostFiles.removexattr(this.#root, this.#path, name);
  }

  list(out: Uint8Array): number {
    return hostFiles.listxattr(this.#root, this.#path, out);
  }
}

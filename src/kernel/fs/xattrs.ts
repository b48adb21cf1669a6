/** Extended attributes of an object, xattr(7). Results below 0 are -errno. */
import { Errno } from '../abi/errno.js';

export interface Xattrs {
  /** Length of the attribute's value, which is written to `out` unless that is empty. */
  get(name: string, out: Uint8Array): number;
  /** With the flags of setxattr(2). */
  set(name: string, value: Uint8Array, flags: number): number;
  remove(name: string): number;
  /** Length of the list of NUL-terminated names, written to `out` unless that is empty. */
  list(out: Uint8Array): number;
}

function without(missing: number): Xattrs {
  return {
    get: () => -missing,
    set: () => -Errno.EOPNOTSUPP,
    remove: () => -Errno.EOPNOTSUPP,
    list: () => 0,
  };
}

/** Of what lies in a file system that has none. */
export const NO_XATTRS = without(Errno.EOPNOTSUPP);

/** Of what could have some, and never does. */
export const EMPTY_XATTRS = without(Errno.ENODATA);

/** Permission by mode bits, as path_resolution(7) and credentials(7) say. */
import { AccessMode } from '../abi/fcntl.js';
import { Mode } from '../abi/stat.js';
import type { Credentials } from '../task/credentials.js';

/** What decides: an inode has these. */
export interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

function inGroup(gid: number, own: number, groups: readonly number[]): boolean {
  return gid === own || groups.includes(gid);
}

/** Whether the identity may access `node` in all the ways of `wanted` (`AccessMode` bits). */
export function mayAccessAs(
  node: Owned,
  uid: number,
  gid: number,
  groups: readonly number[],
  wanted: number,
): boolean {
  if (uid === 0) {
    // The superuser executes only what someone may execute, and searches every directory.
    const searchable = (node.mode & Mode.S_IFMT) === Mode.S_IFDIR || (node.mode & 0o111) !== 0;
    return (wanted & AccessMode.X_OK) === 0 || searchable;
  }
  const shift = node.uid === uid ? 6 : inGroup(node.gid, gid, groups) ? 3 : 0;
  return ((node.mode >> shift) & wanted) === wanted;
}

export function mayAccess(node: Owned, credentials: Credentials, wanted: number): boolean {
  return mayAccessAs(node, credentials.fsuid, credentials.fsgid, credentials.groups, wanted);
}

/** The caller owns the node, or may act as its owner. */
export function isOwner(node: Owned, credentials: Credentials): boolean {
  return credentials.fsuid === 0 || credentials.fsuid === node.uid;
}

/** The sticky bit of `directory` keeps the caller from removing or renaming `node` in it. */
export function isSticky(directory: Owned, node: Owned, credentials: Credentials): boolean {
  return (
    (directory.mode & Mode.S_ISVTX) !== 0 &&
    credentials.fsuid !== 0 &&
    credentials.fsuid !== node.uid &&
    credentials.fsuid !== directory.uid
  );
}

/** The caller belongs to the group. */
export function isGroupMember(gid: number, credentials: Credentials): boolean {
  return credentials.fsuid === 0 || inGroup(gid, credentials.fsgid, credentials.groups);
}

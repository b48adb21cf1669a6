/** On whose behalf a socket acts. */
import type { Credentials } from '../task/credentials.js';

/** struct ucred, unix(7). */
export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Sockets that have a place in the file system. A place is named by its device and inode number. */
export interface SocketPlaces {
  /** Makes the object for a socket to be bound there: what names the place, or -errno. */
  make(path: string): string | number;
  /** The place that a path leads to, where the caller may send: -ENOENT, -EACCES, -ECONNREFUSED. */
  find(path: string): string | number;
}

export interface Actor {
  readonly pid: number;
  readonly credentials: Credentials;
  readonly places: SocketPlaces;
}

export function ucredOf({ pid, credentials }: Pick<Actor, 'pid' | 'credentials'>): Ucred {
  return { pid, uid: credentials.euid, gid: credentials.egid };
}

/** It has the capabilities that networking asks for. */
export function isPrivileged({ credentials }: Actor): boolean {
  return credentials.euid === 0;
}

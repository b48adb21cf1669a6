/** What a process knows of the file system: its root, its working directory, its umask. */
import { Errno } from '../abi/errno.js';
import { AccessMode } from '../abi/fcntl.js';
import { StatRecord } from '../abi/stat.js';
import type { ExecutableFile, ExecutableOpener } from '../loader/executable-file.js';
import { type Credentials, hostCredentials } from '../task/credentials.js';
import type { Caller } from './caller.js';
import { isLinked, type Location, pathFrom } from './location.js';
import type { MountNamespace } from './namespace.js';
import { type PathWalk, Walk } from './path-walk.js';
import { mayAccess } from './permission.js';
import { displayPath } from './place-name.js';
import { RegularInode } from './regular-inode.js';

const DEFAULT_UMASK = 0o022;

export class FsContext implements ExecutableOpener {
  root: Location;
  #cwd: Location;
  umask = DEFAULT_UMASK;
  /** Whose permissions count in `openExecutable`. */
  credentials: Credentials = hostCredentials();
  #users = 1;

  constructor(
    readonly namespace: MountNamespace,
    cwd = namespace.root,
  ) {
    this.root = namespace.root;
    this.#cwd = cwd;
    cwd.dentry.users++;
  }

  get cwd(): Location {
    return this.#cwd;
  }

  set cwd(location: Location) {
    location.dentry.users++;
    this.#cwd.dentry.users--;
    this.#cwd = location;
  }

  /** fork(2) without CLONE_FS. */
  clone(): FsContext {
    const copy = new FsContext(this.namespace, this.#cwd);
    copy.root = this.root;
    copy.umask = this.umask;
    copy.credentials = this.credentials;
    return copy;
  }

  /** clone(2) with CLONE_FS: one more user of this same state. */
  share(): this {
    this.#users++;
    return this;
  }

  get isShared(): boolean {
    return this.#users > 1;
  }

  /** A user is gone; with the last one this ends. */
  release(): void {
    if (--this.#users === 0) {
      this.dispose();
    }
  }

  /** The process has ended. */
  dispose(): void {
    this.#cwd.dentry.users--;
  }

  /** The walk that was made: valid until the next one. */
  get walk(): PathWalk {
    return this.namespace.walk;
  }

  /** Resolves `path` from `start`, or the working directory; the result is in `walk`. 0 or -errno. */
  resolve(caller: Caller, path: string, flags: number, start: Location = this.#cwd): number {
    return this.namespace.walk.run(caller, this.root, start, path, flags);
  }

  /** getcwd(2): -ENOENT where the directory was removed. */
  currentDirectory(): string | number {
    if (!isLinked(this.#cwd)) {
      return -Errno.ENOENT;
    }
    return pathFrom(this.root, this.#cwd) ?? '(unreachable)/';
  }

  openExecutable(path: string, caller?: Caller): ExecutableFile | number {
    const who = caller ?? { credentials: this.credentials, pid: 0, tid: 0 };
    const file = this.#openExecutable(who, path);
    // The host may have put another file in the place of one that was run before.
    return file === -Errno.ESTALE && this.walk.forget() ? this.#openExecutable(who, path) : file;
  }

  #openExecutable(who: Caller, path: string): ExecutableFile | number {
    const error = this.resolve(who, path, Walk.Follow);
    if (error < 0) {
      return error;
    }
    const { file } = this.walk;
    const inode = file === undefined ? this.walk.inode : file.inode;
    const location = file === undefined ? this.walk.location : undefined;
    if (!(inode instanceof RegularInode)) {
      return -Errno.EACCES;
    }
    const allowed = mayAccess(inode, who.credentials, AccessMode.X_OK);
    if (!allowed || location?.mount.noExecute === true) {
      return -Errno.EACCES;
    }
    const denied = inode.denyWriting();
    if (denied < 0) {
      return denied;
    }
    const opened = inode.opened(false);
    if (opened < 0) {
      inode.allowWriting();
      return opened;
    }
    return executable(inode, location, file?.describe());
  }
}

function executable(
  inode: RegularInode,
  location: Location | undefined,
  description = '',
): ExecutableFile {
  const record = new StatRecord();
  inode.stat(record);
  const path = location === undefined ? description : displayPath(location);
  let open = true;
  return {
    mapped: {
      mappable: inode,
      name: path,
      device: record.device,
      inode: Number(record.inode),
      readable: true,
      writable: false,
      noExecute: false,
    },
    size: record.size,
    path,
    ...(location === undefined ? {} : { location }),
    contents: inode,
    readAt: (offset, into) => inode.readAt(into, offset),
    close: () => {
      if (open) {
        open = false;
        inode.allowWriting();
        inode.closed();
      }
    },
  };
}

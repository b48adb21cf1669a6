/** Sockets in the file system: the paths of bind(2) and connect(2) on AF_UNIX. */
import { Errno } from '../abi/errno.js';
import { AccessMode, AT_FDCWD } from '../abi/fcntl.js';
import { Mode } from '../abi/stat.js';
import { mayAccess } from '../fs/permission.js';
import { Walk } from '../fs/path-walk.js';
import type { Actor, SocketPlaces } from '../net/actor.js';
import type { Credentials } from '../task/credentials.js';
import type { Task } from '../task/task.js';
import { scratchRecord, statPath, walkPath } from './path-argument.js';
import { makeNode } from './path-create.js';

/** A task, as sockets know it. */
export class TaskActor implements Actor, SocketPlaces {
  constructor(readonly task: Task) {}

  get pid(): number {
    return this.task.pid;
  }
  get credentials(): Credentials {
    return this.task.credentials;
  }
  get places(): SocketPlaces {
    return this;
  }

  make(path: string): string | number {
    const walk = walkPath(this.task, AT_FDCWD, path, Walk.Parent | Walk.KeepSlashedLink);
    if (typeof walk === 'number') return walk;
    if (walk.dentry === undefined && walk.trailingSlash) return -Errno.ENOENT;
    const made = makeNode(this.task, walk, Mode.S_IFSOCK | 0o777);
    if (typeof made === 'number') return made === -Errno.EEXIST ? -Errno.EADDRINUSE : made;
    const error = made.stat(scratchRecord);
    return error < 0 ? error : place();
  }

  find(path: string): string | number {
    const walk = statPath(this.task, AT_FDCWD, path, Walk.Follow, scratchRecord);
    if (typeof walk === 'number') return walk;
    if (walk.file !== undefined) return -Errno.ECONNREFUSED;
    if (!mayAccess(walk.inode, this.task.credentials, AccessMode.W_OK)) return -Errno.EACCES;
    return walk.inode.type === Mode.S_IFSOCK ? place() : -Errno.ECONNREFUSED;
  }
}

/** What names the object that was just looked at, whatever paths lead to it. */
function place(): string {
  return `${scratchRecord.device}:${scratchRecord.inode}`;
}

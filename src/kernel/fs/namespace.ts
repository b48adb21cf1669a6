/** The mounts of a sandbox. */
import { Mode } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import { simpleCredentials } from '../task/credentials.js';
import type { Caller } from './caller.js';
import type { FileSystem } from './file-system.js';
import type { Location } from './location.js';
import { Mount, type MountOptions } from './mount.js';
import { PathWalk, Walk } from './path-walk.js';

/** The kernel itself. */
const kernelCaller: Caller = { credentials: simpleCredentials(0, 0, []), pid: 0, tid: 0 };

/** Number of the first mount, as in /proc/PID/mountinfo. */
const FIRST_MOUNT_ID = 20;

export class MountNamespace {
  readonly mounts: Mount[] = [];
  readonly walk = new PathWalk(this.mounts);
  readonly root: Location;

  constructor(
    readonly memory: GuestMemory,
    rootFs: FileSystem,
    options: MountOptions = {},
  ) {
    const mount = new Mount(FIRST_MOUNT_ID, rootFs, undefined, undefined, options);
    this.mounts.push(mount);
    this.root = { mount, dentry: mount.root };
  }

  /** Mounts at an absolute path; what is missing of it appears in memory. @throws {Error} where that fails */
  mountAt(path: string, fs: FileSystem, options: MountOptions = {}): Mount {
    const place = this.#makePlace(path, fs.root.type);
    const id = FIRST_MOUNT_ID + this.mounts.length;
    const mount = new Mount(id, fs, place.mount, place.dentry, options);
    place.dentry.mount = mount;
    this.mounts.push(mount);
    return mount;
  }

  /** `type`: of what is mounted there, a directory or a file. */
  #makePlace(path: string, type: number): Location {
    let place = this.root;
    const names = path.split('/').filter((part) => part !== '' && part !== '.');
    for (const [index, name] of names.entries()) {
      const wanted = index === names.length - 1 ? type : Mode.S_IFDIR;
      const { walk } = this;
      const error = walk.run(kernelCaller, this.root, place, name, Walk.Follow | Walk.Parent);
      if (error < 0) {
        throw new Error(`cannot mount at ${path}: errno ${String(-error)}`);
      }
      if (walk.dentry === undefined) {
        this.#make(walk.parent as Location, walk.last, wanted, path);
        walk.run(kernelCaller, this.root, place, name, Walk.Follow);
      }
      place = walk.location;
      if (place.dentry.inode?.type !== wanted) {
        const kind = wanted === Mode.S_IFDIR ? 'a directory' : 'a file';
        throw new Error(`cannot mount at ${path}: ${name} is not ${kind}`);
      }
    }
    return place;
  }

  #make(parent: Location, name: string, type: number, path: string): void {
    const node = { mode: type | (type === Mode.S_IFDIR ? 0o755 : 0o644), uid: 0, gid: 0 };
    const made = parent.dentry.inode?.make(parent.dentry, name, node) ?? -1;
    if (typeof made === 'number') {
      throw new Error(`cannot mount at ${path}: errno ${String(-made)}`);
    }
  }

  /** Closes what the file systems hold of the host. */
  dispose(): void {
    for (const mount of this.mounts) {
      mount.fs.dispose();
    }
  }
}

/** A place in the tree of mounts: a directory entry, and the mount through which it is seen. */
import type { Dentry } from './dentry.js';
import type { Mount } from './mount.js';

export interface Location {
  readonly mount: Mount;
  readonly dentry: Dentry;
}

export function sameLocation(a: Location, b: Location): boolean {
  return a.mount === b.mount && a.dentry === b.dentry;
}

/** The place above, across mounts; the root of all stays. */
export function parentLocation(location: Location): Location {
  let { mount, dentry } = location;
  while (dentry === mount.root && mount.parent !== undefined && mount.mountpoint !== undefined) {
    dentry = mount.mountpoint;
    mount = mount.parent;
  }
  return { mount, dentry: dentry.parent ?? dentry };
}

/** Whether the place still has a name: neither it nor a directory above it was removed. */
export function isLinked(location: Location): boolean {
  for (let entry: Dentry | undefined = location.dentry; entry; entry = entry.parent) {
    if (entry.removed) {
      return false;
    }
  }
  return true;
}

/** Absolute path as seen from `root`; `undefined` where the place does not lie below it. */
export function pathFrom(root: Location, location: Location): string | undefined {
  const names: string[] = [];
  let { mount, dentry } = location;
  while (mount !== root.mount || dentry !== root.dentry) {
    if (dentry === mount.root) {
      if (mount.parent === undefined || mount.mountpoint === undefined) {
        return undefined;
      }
      dentry = mount.mountpoint;
      mount = mount.parent;
    } else if (dentry.parent === undefined) {
      return undefined;
    } else {
      names.push(dentry.name);
      dentry = dentry.parent;
    }
  }
  return '/' + names.reverse().join('/');
}

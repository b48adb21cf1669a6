/** How /proc shows a place. */
import { Errno } from '../abi/errno.js';
import { PATH_MAX } from '../abi/fcntl.js';
import { isLinked, type Location, pathFrom } from './location.js';
import type { Mount } from './mount.js';

function topOf(mount: Mount): Location {
  let top = mount;
  while (top.parent !== undefined) {
    top = top.parent;
  }
  return { mount: top, dentry: top.root };
}

/** In place of a path that is too long to show. Mappings keep what they are called, tens of thousands of them. */
const TOO_LONG = '(too long)';

/** Path from the root of all mounts, with ` (deleted)` behind it where the name is gone. */
export function displayPath(location: Location): string {
  const path = pathFrom(topOf(location.mount), location) ?? '/';
  if (path.length >= PATH_MAX) {
    return TOO_LONG;
  }
  return isLinked(location) ? path : `${path} (deleted)`;
}

/** What a link of /proc to the place reads; -ENAMETOOLONG. */
export function linkText(location: Location): string | number {
  const path = displayPath(location);
  return path === TOO_LONG ? -Errno.ENAMETOOLONG : path;
}

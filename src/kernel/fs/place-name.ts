/** How /proc shows a place. */
import { isLinked, type Location, pathFrom } from './location.js';
import type { Mount } from './mount.js';

function topOf(mount: Mount): Location {
  let top = mount;
  while (top.parent !== undefined) {
    top = top.parent;
  }
  return { mount: top, dentry: top.root };
}

/** Path from the root of all mounts, with ` (deleted)` behind it where the name is gone. */
export function displayPath(location: Location): string {
  const path = pathFrom(topOf(location.mount), location) ?? '/';
  return isLinked(location) ? path : `${path} (deleted)`;
}

/** Opening what is neither file nor directory. */
import { Errno } from '../abi/errno.js';
import { Mode } from '../abi/stat.js';
import type { Caller } from './caller.js';
import type { Inode } from './inode.js';
import { KernelMemory } from './kernel-memory.js';
import type { Location } from './location.js';
import type { OpenFile } from './open-file.js';
import { openFifo } from './pipe.js';

/**
 * A FIFO is a pipe of the sandbox's own, the host's as well. Nothing stands behind a socket or a device node: open(2)
 * gives ENXIO.
 */
export function openSpecial(
  inode: Inode,
  location: Location,
  flags: number,
  caller: Caller,
): OpenFile | number {
  if (inode.isSymlink) {
    return -Errno.ELOOP;
  }
  const { kernel } = caller;
  return inode.type === Mode.S_IFIFO && kernel !== undefined
    ? openFifo(inode, location, flags, KernelMemory.of(kernel.memory))
    : -Errno.ENXIO;
}

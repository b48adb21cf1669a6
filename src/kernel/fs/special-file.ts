/** Opening what is neither file nor directory. */
import { Errno } from '../abi/errno.js';
import { Mode } from '../abi/stat.js';

/** A FIFO, socket or device node that nothing stands behind: open(2) gives ENXIO. */
export function openSpecial(type: number): number {
  return type === Mode.S_IFLNK ? -Errno.ELOOP : -Errno.ENXIO;
}

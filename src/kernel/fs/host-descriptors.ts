/** How many descriptors of the host process guests may hold: it needs some for itself. */
import { readFileSync } from 'node:fs';
import { hostFiles } from '../../host/host-files.js';

/** Where the limit cannot be found out. */
const USUAL_LIMIT = 1024;

/** RLIMIT_NOFILE of this process. */
function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === 'unlimited' ? Infinity : Number(soft ?? USUAL_LIMIT);
}

/** Those of all sandboxes together: the limit is the process's. */
export class HostDescriptors {
  #held = 0;
  #most: number | undefined;

  /** One more may be opened. */
  get available(): boolean {
    this.#most ??= descriptorLimit() / 2;
    return this.#held < this.#most;
  }

  get held(): number {
    return this.#held;
  }

  /** Counts what an open gave: a descriptor, or a negative errno, which is given back as it is. */
  opened(fd: number): number {
    this.#held += fd >= 0 ? 1 : 0;
    return hostFiles.keepFd(fd);
  }

  close(fd: number): void {
    this.#held--;
    hostFiles.closeFd(fd);
  }
}

export const hostDescriptors = new HostDescriptors();

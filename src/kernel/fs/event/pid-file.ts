/** A descriptor for a process, pidfd_open(2): readable once the process has ended. */
import { O } from '../../abi/fcntl.js';
import { POLL_READABLE } from '../../abi/poll.js';
import type { Process } from '../../task/process.js';
import type { OpenFile } from '../open-file.js';
import { ProcDirectory } from '../proc/proc-inode.js';
import { AnonymousFile } from './anonymous-file.js';

export class PidFile extends AnonymousFile {
  constructor(
    readonly process: Process,
    flags: number,
  ) {
    super(O.RDWR | flags, '[pidfd]');
  }

  override poll(): number {
    return this.process.isZombie ? POLL_READABLE : 0;
  }

  override watch(events: number, wake: () => void): () => void {
    return this.process.ends.add(events, wake);
  }
}

/** The process that a descriptor stands for: one of pidfd_open(2), or of its directory in /proc. */
export function processOfFile(file: OpenFile | undefined): Process | undefined {
  if (file instanceof PidFile) return file.process;
  const inode = file?.inode;
  return inode instanceof ProcDirectory ? inode.process : undefined;
}

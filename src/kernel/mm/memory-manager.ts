/** The memory of one process: its mappings, and the way into them for system calls. */
import type { AccessType } from '../../platform/access.js';
import { Errno } from '../abi/errno.js';

/** One mapping, as /proc/PID/maps describes it (proc(5)). */
export interface VmaDescription {
  readonly start: number;
  readonly end: number;
  /** `Access` bits. */
  readonly access: AccessType;
  readonly shared: boolean;
  /** Byte offset in the file; 0 for anonymous memory. */
  readonly offset: number;
  /** Path of the file, `[heap]`, `[stack]`, or empty. */
  readonly name: string;
  readonly device: number;
  readonly inode: number;
}

export class MemoryManager {
  /** Bytes copied from the guest; fewer than asked means EFAULT at that point. */
  copyIn(_address: number, _dst: Uint8Array): number {
    return 0;
  }

  /** Bytes copied to the guest; fewer than asked means EFAULT at that point. */
  copyOut(_address: number, _src: Uint8Array): number {
    return 0;
  }

  /** A NUL-terminated string of at most `max` bytes without its NUL, in Latin-1; or -EFAULT, -ENAMETOOLONG. */
  readCString(_address: number, _max: number): string | number {
    return -Errno.EFAULT;
  }

  /** Mappings in ascending order, neighbours that look alike merged. */
  *describe(): Iterable<VmaDescription> {
    // filled in below
  }
}

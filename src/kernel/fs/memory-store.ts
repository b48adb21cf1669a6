/** What in-memory inodes of one file system share: identity, memory, and a limit to their number. */
import { Mode, STATX_BASIC_STATS, STATX_MNT_ID, StatRecord } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import type { FileSystem } from './file-system.js';
import type { NewNode } from './inode.js';
import { now } from './time-stamp.js';

/** Inodes live in the host process's heap, outside the guest's memory limit: a guest may have so many. */
const MAX_INODES = 262144;

const BLOCK_SIZE = 4096;

export class MemoryStore {
  #inodes = 0;
  #last: bigint;

  constructor(
    readonly fs: FileSystem,
    readonly memory: GuestMemory,
    /** `st_dev` */
    readonly device: number,
    firstInode = 1n,
  ) {
    this.#last = firstInode - 1n;
  }

  /** Counts one more inode; false where there may be no more (ENOSPC). */
  take(): boolean {
    if (this.#inodes >= MAX_INODES) {
      return false;
    }
    this.#inodes++;
    return true;
  }

  give(): void {
    this.#inodes--;
  }

  /** Metadata of a new object. */
  newRecord(node: NewNode): StatRecord {
    const record = new StatRecord();
    const time = now();
    record.mask = STATX_BASIC_STATS | STATX_MNT_ID;
    record.blockSize = BLOCK_SIZE;
    record.mode = node.mode;
    record.uid = node.uid;
    record.gid = node.gid;
    record.inode = ++this.#last;
    record.device = this.device;
    record.nlink = (node.mode & Mode.S_IFMT) === Mode.S_IFDIR ? 2 : 1;
    record.deviceOfNode = node.device ?? 0;
    for (const field of ['atime', 'btime', 'ctime', 'mtime'] as const) {
      record.setTime(field, time);
    }
    return record;
  }
}

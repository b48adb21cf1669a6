/** What in-memory inodes of one file system share: identity, and memory for contents and metadata. */
import { Mode, STATX_BASIC_STATS, STATX_MNT_ID, StatRecord } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import type { FileSystem } from './file-system.js';
import type { NewNode } from './inode.js';
import { KernelMemory } from './kernel-memory.js';
import { now } from './time-stamp.js';

/** What an inode takes with its first name, and what each further name takes, as measured. */
const INODE_BYTES = 2048;
const NAME_BYTES = 512;

const BLOCK_SIZE = 4096;

export class MemoryStore {
  readonly #kernelMemory: KernelMemory;
  #last: bigint;

  constructor(
    readonly fs: FileSystem,
    readonly memory: GuestMemory,
    /** `st_dev` */
    readonly device: number,
    firstInode = 1n,
  ) {
    this.#last = firstInode - 1n;
    this.#kernelMemory = KernelMemory.of(memory);
  }

  /** Counts one more inode, which holds a link's target of so many bytes; false where there is no room (ENOSPC). */
  take(targetLength = 0): boolean {
    return this.#kernelMemory.take(INODE_BYTES + targetLength);
  }

  give(targetLength = 0): void {
    this.#kernelMemory.give(INODE_BYTES + targetLength);
  }

  /** Counts so many bytes more; false where there is no room. */
  takeBytes(bytes: number): boolean {
    return this.#kernelMemory.take(bytes);
  }

  giveBytes(bytes: number): void {
    this.#kernelMemory.give(bytes);
  }

  /** Counts one more name of an inode. */
  takeName(): boolean {
    return this.#kernelMemory.take(NAME_BYTES);
  }

  giveName(): void {
    this.#kernelMemory.give(NAME_BYTES);
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

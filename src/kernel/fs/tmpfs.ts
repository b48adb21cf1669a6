/** A file system in memory (tmpfs(5)). */
import { FsMagic, encodeStatfs, StatfsFlag } from '../abi/statfs.js';
import { Mode } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import { FileSystem } from './file-system.js';
import type { Inode } from './inode.js';
import { MemoryDirectory } from './memory-directory.js';
import { MemoryStore } from './memory-store.js';

export interface TmpfsOptions {
  readonly type?: string;
  readonly magic?: number;
  /** Permission bits of the root. */
  readonly mode?: number;
}

const BLOCK = 4096;

export class Tmpfs extends FileSystem {
  override readonly type: string;
  override readonly root: MemoryDirectory;
  readonly store: MemoryStore;
  readonly #magic: number;

  constructor(
    readonly memory: GuestMemory,
    /** `st_dev` */
    device: number,
    options: TmpfsOptions = {},
  ) {
    super();
    this.type = options.type ?? 'tmpfs';
    this.#magic = options.magic ?? FsMagic.Tmpfs;
    this.store = new MemoryStore(this, memory, device);
    const mode = Mode.S_IFDIR | (options.mode ?? 0o1777);
    this.root = new MemoryDirectory(this.store, { mode, uid: 0, gid: 0 });
  }

  override statfs(_inode: Inode, out: Uint8Array): number {
    encodeStatfs(
      {
        type: this.#magic,
        blockSize: BLOCK,
        blocks: Math.floor(this.memory.limit / BLOCK),
        free: Math.floor(Math.max(0, this.memory.limit - this.memory.allocated) / BLOCK),
        files: 0,
        filesFree: 0,
        flags: StatfsFlag.VALID,
      },
      out,
    );
    return 0;
  }
}

/** What is mounted. */
import { encodeStatfs, StatfsFlag } from '../abi/statfs.js';
import type { Dentry } from './dentry.js';
import type { Inode } from './inode.js';

export abstract class FileSystem {
  /** The type that /proc/mounts shows. */
  abstract readonly type: string;
  abstract readonly root: Inode;
  /** Whether a name that was found before still leads to the same object; the host may have changed it. */
  revalidate(_dentry: Dentry): boolean {
    return true;
  }
  /** Fills struct statfs for `inode`; 0 or -errno. */
  abstract statfs(inode: Inode, out: Uint8Array): number;
  /** Releases what it holds of the host. */
  dispose(): void {
    // Nothing to release in memory.
  }
}

/** statfs(2) of a file system that has no storage. */
export function emptyStatfs(magic: number, out: Uint8Array): number {
  const none = { blocks: 0, free: 0, files: 0, filesFree: 0 };
  encodeStatfs({ type: magic, blockSize: 4096, ...none, flags: StatfsFlag.VALID }, out);
  return 0;
}

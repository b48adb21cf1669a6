/** What the host's object beneath an overlay is, and what of it was changed in memory. */
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { Mode, StatRecord } from '../abi/stat.js';
import { applyChange } from './attributes.js';
import type { HostRoot } from './host-root.js';
import type { AttributeChange } from './inode.js';
import { LowerXattrs } from './lower-xattrs.js';
import type { MemoryStore } from './memory-store.js';

export class LowerObject {
  mode: number;
  uid: number;
  gid: number;
  /** Metadata of its own, once anything was changed. */
  #own: StatRecord | undefined;
  #xattrs: LowerXattrs | undefined;
  readonly #inode: bigint;
  readonly #inodeLow: number;
  readonly #inodeHigh: number;

  constructor(
    readonly root: HostRoot,
    /** Path beneath the root: it stays what it was when the guest renames the object. */
    readonly path: string,
    found: StatRecord,
  ) {
    this.mode = found.mode;
    this.uid = found.uid;
    this.gid = found.gid;
    this.#inode = found.inode;
    this.#inodeLow = found.inodeLow;
    this.#inodeHigh = found.inodeHigh;
  }

  get isChanged(): boolean {
    return this.#own !== undefined;
  }

  /** Metadata to change. It starts as the host's. */
  own(): StatRecord {
    if (this.#own === undefined) {
      const record = new StatRecord();
      if (this.root.stat(this.path, record) < 0) {
        record.mode = this.mode;
        record.uid = this.uid;
        record.gid = this.gid;
        record.inode = this.#inode;
        record.nlink = 1;
      }
      this.#own = record;
    }
    return this.#own;
  }

  /** `fd`: the object is open under it, if not negative. */
  stat(out: StatRecord, fd = -1): number {
    if (this.#own !== undefined) {
      out.copyFrom(this.#own);
      return 0;
    }
    const error = fd < 0 ? this.root.stat(this.path, out) : hostFiles.statFd(fd, out.bytes);
    if (error < 0) {
      return error;
    }
    if (!this.isSame(out)) {
      return -Errno.ESTALE;
    }
    this.#remember(out);
    return 0;
  }

  /** `found` is this object, not another that took its name. */
  isSame(found: StatRecord): boolean {
    return (
      found.inodeLow === this.#inodeLow &&
      found.inodeHigh === this.#inodeHigh &&
      (found.mode & Mode.S_IFMT) === (this.mode & Mode.S_IFMT)
    );
  }

  change(change: AttributeChange): number {
    const record = this.own();
    applyChange(record, change);
    this.#remember(record);
    return 0;
  }

  xattrs(store: MemoryStore): LowerXattrs {
    return (this.#xattrs ??= new LowerXattrs(this, store));
  }

  /** The object is gone from the guest's view. */
  dispose(): void {
    this.#xattrs?.dispose();
  }

  #remember(record: StatRecord): void {
    this.mode = record.mode;
    this.uid = record.uid;
    this.gid = record.gid;
  }
}

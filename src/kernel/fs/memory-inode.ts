/** Objects that live in memory alone: those of tmpfs, and what a guest adds to its root. */
import { Errno } from '../abi/errno.js';
import { MemoryKind } from '../../platform/contract.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import { applyChange, touchContents } from './attributes.js';
import type { Caller } from './caller.js';
import type { FileSystem } from './file-system.js';
import { FileData } from './file-data.js';
import { type AttributeChange, Inode, type NewNode } from './inode.js';
import type { MemoryStore } from './memory-store.js';
import type { OpenFile } from './open-file.js';
import { RegularInode } from './regular-inode.js';
import { openSpecial } from './special-file.js';
import { now } from './time-stamp.js';
import type { Location } from './location.js';
import { XattrSet } from './xattr-set.js';
import { EMPTY_XATTRS, type Xattrs } from './xattrs.js';

const SECTOR = 512;
const MAX_LINKS = 65000;

/** Counts one more name; -EMLINK where there are too many, -ENOSPC where there is no room. */
export function addLink(record: StatRecord, store: MemoryStore): number {
  if (record.nlink >= MAX_LINKS) {
    return -Errno.EMLINK;
  }
  // What had no name has paid for its first one.
  if (record.nlink > 0 && !store.takeName()) {
    return -Errno.ENOSPC;
  }
  record.nlink++;
  record.setTime('ctime', now());
  return 0;
}

export class MemoryFile extends RegularInode {
  readonly record: StatRecord;
  readonly data: FileData;
  readonly #xattrs: XattrSet;
  #isGone = false;

  constructor(
    readonly pool: MemoryStore,
    node: NewNode,
  ) {
    super();
    this.record = pool.newRecord(node);
    this.data = new FileData(pool.memory, MemoryKind.Tmpfs);
    this.#xattrs = new XattrSet(pool);
  }

  override get xattrs(): Xattrs {
    return this.#xattrs;
  }
  override get fs(): FileSystem {
    return this.pool.fs;
  }
  override get mode(): number {
    return this.record.mode;
  }
  override get uid(): number {
    return this.record.uid;
  }
  override get gid(): number {
    return this.record.gid;
  }
  override get size(): number {
    return this.data.size;
  }

  override stat(out: StatRecord): number {
    this.record.size = this.data.size;
    this.record.blocks = this.data.allocated / SECTOR;
    out.copyFrom(this.record);
    return 0;
  }

  override setAttributes(change: AttributeChange): number {
    applyChange(this.record, change);
    return 0;
  }

  override truncate(size: number): number {
    this.data.truncate(size);
    touchContents(this.record);
    return 0;
  }

  override readAt(dst: Uint8Array, offset: number): number {
    return this.data.read(dst, offset);
  }

  protected override store(src: Uint8Array, offset: number): number {
    const count = this.data.write(src, offset);
    touchContents(this.record);
    return count;
  }

  protected override prepare(): number {
    return 0;
  }

  protected override idle(): void {
    // Without a name it may still be opened once more, by /proc/PID/exe.
    if (this.record.nlink === 0 && !this.#isGone) {
      this.#isGone = true;
      this.data.dispose();
      this.#xattrs.dispose();
      this.pool.give();
    }
  }

  override addLink(): number {
    return addLink(this.record, this.pool);
  }

  override dropLink(): void {
    this.record.nlink--;
    this.record.setTime('ctime', now());
    if (this.record.nlink > 0) {
      this.pool.giveName();
    } else if (!this.inUse) {
      this.idle();
    }
  }

  override seekData(offset: number, whence: number): number {
    return this.data.seekData(offset, whence);
  }

  protected override punchHole(offset: number, length: number): number {
    const error = this.data.punch(offset, length);
    touchContents(this.record);
    return error;
  }
}

/** A symbolic link, device node, FIFO or socket in memory. */
export class MemoryNode extends Inode {
  readonly record: StatRecord;
  readonly #target: string;

  constructor(
    readonly pool: MemoryStore,
    node: NewNode,
  ) {
    super();
    this.record = pool.newRecord(node);
    this.#target = node.target ?? '';
    this.record.size = this.#target.length;
  }

  override get xattrs(): Xattrs {
    return EMPTY_XATTRS;
  }
  override get fs(): FileSystem {
    return this.pool.fs;
  }
  override get mode(): number {
    return this.record.mode;
  }
  override get uid(): number {
    return this.record.uid;
  }
  override get gid(): number {
    return this.record.gid;
  }

  override stat(out: StatRecord): number {
    out.copyFrom(this.record);
    return 0;
  }

  override setAttributes(change: AttributeChange): number {
    applyChange(this.record, change);
    return 0;
  }

  override readLink(): string | number {
    return this.type === Mode.S_IFLNK ? this.#target : -Errno.EINVAL;
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    return openSpecial(this, location, flags, caller);
  }

  override addLink(): number {
    return addLink(this.record, this.pool);
  }

  override dropLink(): void {
    this.record.nlink--;
    if (this.record.nlink > 0) {
      this.pool.giveName();
    } else {
      this.pool.give(this.#target.length);
    }
  }
}

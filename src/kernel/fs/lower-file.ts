/** A regular file of the host's beneath an overlay: read from the host until it is written, then page by page from memory. */
import { hostFiles } from '../../host/host-files.js';
import { MemoryKind } from '../../platform/contract.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { StatRecord } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import { touchContents } from './attributes.js';
import { FileData } from './file-data.js';
import { hostDescriptors } from './host-descriptors.js';
import type { FileSystem } from './file-system.js';
import type { AttributeChange } from './inode.js';
import type { LowerObject } from './lower-object.js';
import { addLink } from './memory-inode.js';
import type { MemoryStore } from './memory-store.js';
import { offerPages, type Reclaimable } from './page-reclaim.js';
import { RegularInode } from './regular-inode.js';
import type { Xattrs } from './xattrs.js';

const SECTOR = 512;
const scratch = new StatRecord();

export class LowerFile extends RegularInode implements Reclaimable {
  readonly data: FileData;
  #fd = -1;
  /** The contents are not the host's any more. */
  #written = false;
  /** Names that lead to this object; those the host's file has elsewhere lead to objects of their own. */
  #names = 1;
  /** Size and time of the contents that cached pages show. */
  #version = '';

  constructor(
    override readonly fs: FileSystem & { readonly store: MemoryStore },
    readonly object: LowerObject,
    memory: GuestMemory,
  ) {
    super();
    this.data = new FileData(memory, MemoryKind.PageCache, {
      pread: (dst, offset) => this.#preadHost(dst, offset),
    });
  }

  override get mode(): number {
    return this.object.mode;
  }
  override get uid(): number {
    return this.object.uid;
  }
  override get gid(): number {
    return this.object.gid;
  }

  override get size(): number {
    if (!this.#written && this.stat(scratch) === 0) {
      return scratch.size;
    }
    return this.data.size;
  }

  override get xattrs(): Xattrs {
    return this.object.xattrs(this.fs.store);
  }

  override get isKept(): boolean {
    return this.object.isChanged || super.isKept;
  }

  override stat(out: StatRecord): number {
    const error = this.object.stat(out, this.#fd);
    if (error === 0 && this.#written) {
      out.size = this.data.size;
      out.blocks = Math.ceil(this.data.size / 4096) * (4096 / SECTOR);
    }
    return error;
  }

  override setAttributes(change: AttributeChange): number {
    return this.object.change(change);
  }

  override truncate(size: number): number {
    const error = this.opened(true);
    if (error < 0) {
      return error;
    }
    this.data.truncate(size);
    touchContents(this.object.own());
    this.closed();
    return 0;
  }

  override seekData(offset: number, whence: number): number {
    const error = this.#written ? 0 : this.#openHost();
    if (this.#written || error < 0) {
      return error < 0 ? error : super.seekData(offset, whence);
    }
    return hostFiles.lseek(this.#fd, offset, whence);
  }

  protected override punchHole(offset: number, length: number): number {
    const error = this.data.punch(offset, length);
    touchContents(this.object.own());
    return error;
  }

  override readAt(dst: Uint8Array, offset: number): number {
    return this.#written ? this.data.read(dst, offset) : this.#preadHost(dst, offset);
  }

  protected override store(src: Uint8Array, offset: number): number {
    const count = this.data.write(src, offset);
    if (count > 0) {
      touchContents(this.object.own());
    }
    return count;
  }

  protected override prepare(write: boolean): number {
    const error = this.#openHost();
    if (error < 0) {
      return error;
    }
    if (write && !this.#written) {
      this.object.own();
      this.#written = true;
    }
    return 0;
  }

  #openHost(): number {
    if (this.#fd >= 0) {
      return 0;
    }
    const fd = this.object.root.open(this.object.path, O.RDONLY, scratch);
    if (fd < 0) {
      return fd;
    }
    if (!this.object.isSame(scratch)) {
      hostDescriptors.close(fd);
      return -Errno.ESTALE;
    }
    this.#fd = fd;
    if (!this.#written) {
      this.#refresh(scratch);
    }
    return 0;
  }

  /** Pages cached from an older version of the host's file are forgotten. */
  #refresh(found: StatRecord): void {
    const { seconds, nanoseconds } = found.time('mtime');
    const version = `${String(found.size)} ${String(seconds)}.${String(nanoseconds)}`;
    if (version !== this.#version && !this.data.isEmpty) {
      this.data.invalidate();
    }
    this.#version = version;
    this.data.setBackedSize(found.size);
  }

  #preadHost(dst: Uint8Array, offset: number): number {
    const error = this.#openHost();
    return error < 0 ? error : hostFiles.pread(this.#fd, dst, offset);
  }

  protected override idle(): void {
    if (this.#fd >= 0) {
      hostDescriptors.close(this.#fd);
      this.#fd = -1;
    }
    if (this.#names === 0) {
      this.data.dispose();
      this.object.dispose();
    } else if (!this.#written && !this.data.isEmpty) {
      offerPages(this.data.memory, this);
    }
  }

  override addLink(): number {
    const error = addLink(this.object.own(), this.fs.store);
    this.#names += error === 0 ? 1 : 0;
    return error;
  }

  override dropLink(): void {
    const record = this.object.own();
    record.nlink = Math.max(0, record.nlink - 1);
    this.#names--;
    // The first name is the host's.
    if (this.#names > 0) {
      this.fs.store.giveName();
    }
    if (!this.inUse) {
      this.idle();
    }
  }

  /** Pages can be read from the host again. */
  reclaim(): void {
    if (!this.#written && !this.inUse) {
      this.data.invalidate();
    }
  }
}

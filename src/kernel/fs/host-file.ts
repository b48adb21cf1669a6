/** A bound regular file: read and written on the host; its pages are cached only where it is mapped. */
import { hostFiles } from '../../host/host-files.js';
import { MemoryKind } from '../../platform/contract.js';
import { Errno } from '../abi/errno.js';
import { Fallocate, O } from '../abi/fcntl.js';
import { StatRecord } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import { FileData } from './file-data.js';
import type { FileUse } from './file-use.js';
import { hostDescriptors } from './host-descriptors.js';
import type { HostBacked, HostFs, HostObject } from './host-fs.js';
import { changeHostAttributes, HostXattrs } from './host-inode.js';
import type { AttributeChange } from './inode.js';
import { RegularInode } from './regular-inode.js';
import type { Xattrs } from './xattrs.js';

const scratch = new StatRecord();

export class HostFile extends RegularInode implements HostBacked {
  readonly data: FileData;
  #readFd = -1;
  #writeFd = -1;
  #isNameless: boolean;

  constructor(
    override readonly fs: HostFs,
    readonly object: HostObject,
    memory: GuestMemory,
    /** It has no name, and is open for writing under this. */
    nameless = -1,
  ) {
    super();
    this.#writeFd = nameless;
    this.#isNameless = nameless >= 0;
    this.data = new FileData(memory, MemoryKind.PageCache, {
      pread: (dst, offset) => hostFiles.pread(this.#fdToRead, dst, offset),
      pwrite: (src, offset) => hostFiles.pwrite(this.#writeFd, src, offset),
    });
  }

  /** One file may have many names here, and an object for each. */
  protected override get use(): FileUse {
    return this.fs.uses.of(this.object.inode);
  }

  protected override useChanged(use: FileUse): void {
    this.fs.uses.record(this.object.inode, use);
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

  get #fdToRead(): number {
    return this.#readFd >= 0 ? this.#readFd : this.#writeFd;
  }

  override get xattrs(): Xattrs {
    return new HostXattrs(this.object, this.#fdToRead);
  }

  get isNameless(): boolean {
    return this.#isNameless;
  }

  /** Its first name, linkat(2). */
  giveName(path: string): number {
    const { root } = this.object;
    const error = hostFiles.linkFd(this.#writeFd, root.fd, path);
    if (error === 0) {
      this.object.path = path;
      this.#isNameless = false;
    }
    return error;
  }

  override get size(): number {
    return this.stat(scratch) === 0 ? scratch.size : this.data.size;
  }

  override stat(out: StatRecord): number {
    return this.object.stat(out, this.#fdToRead);
  }

  override setAttributes(change: AttributeChange): number {
    return changeHostAttributes(this.object, change, this.#fdToRead);
  }

  override truncate(size: number): number {
    const error = this.opened(true);
    if (error < 0) {
      return error;
    }
    const result = hostFiles.ftruncate(this.#writeFd, size);
    if (result === 0) {
      this.data.truncate(size);
      this.data.setBackedSize(size);
    }
    this.closed();
    return result;
  }

  override readAt(dst: Uint8Array, offset: number): number {
    return this.data.isDirty
      ? this.data.read(dst, offset)
      : hostFiles.pread(this.#fdToRead, dst, offset);
  }

  protected override store(src: Uint8Array, offset: number): number {
    const count = hostFiles.pwrite(this.#writeFd, src, offset);
    if (count > 0) {
      this.data.overwritePresent(src.subarray(0, count), offset);
    }
    return count;
  }

  protected override prepare(write: boolean): number {
    if (write ? this.#writeFd >= 0 : this.#fdToRead >= 0) {
      return 0;
    }
    const fd = write ? this.#openForWriting() : this.#openAs(O.RDONLY);
    if (fd < 0) {
      return fd;
    }
    if (!this.object.isSame(scratch)) {
      hostDescriptors.close(fd);
      return -Errno.ESTALE;
    }
    if (write) {
      this.#writeFd = fd;
    } else {
      this.#readFd = fd;
    }
    this.data.setBackedSize(scratch.size);
    return 0;
  }

  #openAs(flags: number): number {
    return this.object.root.open(this.object.path, flags, scratch);
  }

  /** A file that may be written but not read is still to be opened. */
  #openForWriting(): number {
    const fd = this.#openAs(O.RDWR);
    return fd === -Errno.EACCES ? this.#openAs(O.WRONLY) : fd;
  }

  override seekData(offset: number, whence: number): number {
    const error = this.data.sync(0, Infinity);
    return error < 0 ? error : hostFiles.lseek(this.#fdToRead, offset, whence);
  }

  override allocate(mode: number, offset: number, length: number): number {
    // What mappings wrote must be on the host before it moves or goes, and mappings find it anew.
    const evicted = mode & ~Fallocate.KEEP_SIZE ? this.data.evict() : 0;
    const error = evicted < 0 ? evicted : hostFiles.fallocate(this.#writeFd, mode, offset, length);
    if (error === 0 && this.object.stat(scratch, this.#writeFd) === 0) {
      this.data.setBackedSize(scratch.size);
    }
    return error;
  }

  override sync(start: number, end: number): number {
    return this.data.sync(start, end);
  }

  override syncAll(dataOnly: boolean): number {
    const error = this.data.sync(0, Infinity);
    return error < 0 ? error : hostFiles.fsync(this.#fdToRead, dataOnly ? 1 : 0);
  }

  protected override idle(): void {
    this.data.sync(0, Infinity);
    this.data.invalidate();
    for (const fd of [this.#readFd, this.#writeFd]) {
      if (fd >= 0) {
        hostDescriptors.close(fd);
      }
    }
    this.#readFd = -1;
    this.#writeFd = -1;
  }
}

/** An open regular file. */
import { Errno } from '../abi/errno.js';
import { MAX_FILE_SIZE, O, Whence } from '../abi/fcntl.js';
import { StatRecord } from '../abi/stat.js';
import type { MappedFile } from '../mm/mappable.js';
import type { Location } from './location.js';
import { OpenFile } from './open-file.js';
import { displayPath } from './place-name.js';
import type { RegularInode } from './regular-inode.js';

export class RegularFile extends OpenFile {
  readonly #inode: RegularInode;

  constructor(flags: number, location: Location | undefined, inode: RegularInode) {
    super(flags, location);
    this.#inode = inode;
  }

  override get inode(): RegularInode {
    return this.#inode;
  }

  override get seekable(): boolean {
    return true;
  }

  override read(dst: Uint8Array): number {
    const count = this.#inode.readAt(dst, this.position);
    if (count > 0) {
      this.position += count;
    }
    return count;
  }

  override unread(bytes: Uint8Array): void {
    this.position -= bytes.length;
  }

  override write(src: Uint8Array): number {
    if (this.flags & O.APPEND) {
      this.position = this.#inode.size;
    }
    const count = this.#inode.writeAt(src, this.position);
    if (count > 0) {
      this.position += count;
    }
    return count;
  }

  override pread(dst: Uint8Array, offset: number): number {
    return this.#inode.readAt(dst, offset);
  }

  /** With O_APPEND Linux appends whatever the offset (pwrite(2), BUGS). */
  override pwrite(src: Uint8Array, offset: number): number {
    return this.#inode.writeAt(src, this.flags & O.APPEND ? this.#inode.size : offset);
  }

  override seek(offset: number, whence: number): number {
    const target = this.#target(offset, whence);
    if (target >= 0) {
      this.position = target;
    }
    return target;
  }

  #target(offset: number, whence: number): number {
    const size = this.#inode.size;
    switch (whence) {
      case Whence.SET:
        return checked(offset);
      case Whence.CUR:
        return checked(this.position + offset);
      case Whence.END:
        return checked(size + offset);
      case Whence.DATA:
      case Whence.HOLE:
        return offset < 0 || offset >= size ? -Errno.ENXIO : this.#inode.seekData(offset, whence);
      default:
        return -Errno.EINVAL;
    }
  }

  override stat(out: StatRecord): number {
    return this.#inode.stat(out);
  }

  override truncate(size: number): number {
    return this.#inode.truncate(size);
  }

  override sync(dataOnly: boolean): number {
    return this.#inode.syncAll(dataOnly);
  }

  override mapping(): MappedFile | number {
    const record = new StatRecord();
    const error = this.#inode.stat(record);
    if (error < 0) {
      return error;
    }
    return {
      mappable: this.#inode,
      name: this.location === undefined ? this.describe() : displayPath(this.location),
      device: record.device,
      inode: Number(record.inode),
      readable: this.readable,
      writable: this.writable,
      noExecute: this.location?.mount.noExecute ?? false,
    };
  }

  protected override onClose(): void {
    // What has no place was not opened but made, and counts as no writer.
    if (this.location !== undefined && this.writable) {
      this.#inode.writerClosed();
    }
    this.#inode.closed();
  }
}

function checked(position: number): number {
  return position < 0 || position > MAX_FILE_SIZE ? -Errno.EINVAL : position;
}

/** A regular file: contents that can be read, written and mapped, whatever holds them. */
import { Errno } from '../abi/errno.js';
import { Fallocate, MAX_FILE_SIZE, O, Whence } from '../abi/fcntl.js';
import type { FileRange } from '../../platform/file-range.js';
import type { Mappable, MappingObserver } from '../mm/mappable.js';
import type { Caller } from './caller.js';
import type { FileData } from './file-data.js';
import { FileUse } from './file-use.js';
import { Inode } from './inode.js';
import type { Location } from './location.js';
import type { OpenFile } from './open-file.js';
import { RegularFile } from './regular-file.js';

export abstract class RegularInode extends Inode implements Mappable {
  abstract readonly data: FileData;
  /** Open files on it. */
  #opens = 0;
  readonly #use = new FileUse();

  /** Bytes in the file now. */
  abstract get size(): number;

  /** Gets ready for reading, or for writing too; 0 or -errno. Matched by `closed`. */
  protected abstract prepare(write: boolean): number;

  /** The last open file or mapping is gone. */
  protected abstract idle(): void;

  abstract readAt(dst: Uint8Array, offset: number): number;

  /** Writes to what `prepare` made writable. */
  protected abstract store(src: Uint8Array, offset: number): number;

  sync(_start: number, _end: number): number {
    return 0;
  }

  /** fsync(2) */
  syncAll(_dataOnly: boolean): number {
    return this.sync(0, Infinity);
  }

  override open(location: Location, flags: number, _caller: Caller): OpenFile | number {
    const writes = (flags & O.ACCMODE) !== O.RDONLY;
    if (this.isExecuted && (writes || flags & O.TRUNC)) {
      return -Errno.ETXTBSY;
    }
    const error = this.opened(writes);
    if (error < 0) {
      return error;
    }
    if (writes) {
      this.#count(1, 0);
    }
    return new RegularFile(flags, location, this);
  }

  /** A program in it runs: nobody may open it for writing, or truncate it, execve(2). */
  get isExecuted(): boolean {
    return this.use.executions > 0;
  }

  protected get use(): FileUse {
    return this.#use;
  }

  /** The use of it is another now. */
  protected useChanged(_use: FileUse): void {
    // It has a record of its own.
  }

  #count(writers: number, executions: number): void {
    const { use } = this;
    use.writers += writers;
    use.executions += executions;
    this.useChanged(use);
  }

  /** -ETXTBSY where somebody may write it. Matched by `allowWriting`. */
  denyWriting(): number {
    const { use } = this;
    if (use.writers > 0 || (use.executions === 0 && this.data.hasSharedWriter)) {
      return -Errno.ETXTBSY;
    }
    this.#count(0, 1);
    return 0;
  }

  allowWriting(): void {
    this.#count(0, -1);
  }

  /** A file that `open` gave is closed. */
  writerClosed(): void {
    this.#count(-1, 0);
  }

  /** Someone has it open. */
  opened(write: boolean): number {
    const error = this.prepare(write);
    if (error === 0) {
      this.#opens++;
    }
    return error;
  }

  closed(): void {
    this.#opens--;
    this.#idleIfUnused();
  }

  get inUse(): boolean {
    return this.#opens > 0 || this.data.isMapped;
  }

  override get isKept(): boolean {
    return this.inUse;
  }

  #idleIfUnused(): void {
    if (!this.inUse) {
      this.idle();
    }
  }

  writeAt(src: Uint8Array, offset: number): number {
    if (offset + src.length > MAX_FILE_SIZE) {
      return -Errno.EFBIG;
    }
    return src.length === 0 ? 0 : this.store(src, offset);
  }

  /** SEEK_DATA or SEEK_HOLE from an offset before the end. lseek(2) allows every byte to count as data. */
  seekData(offset: number, whence: number): number {
    return whence === Whence.DATA ? offset : this.size;
  }

  /** fallocate(2). Room is not set aside where the size does not grow. */
  allocate(mode: number, offset: number, length: number): number {
    if (mode === (Fallocate.PUNCH_HOLE | Fallocate.KEEP_SIZE)) {
      return this.punchHole(offset, length);
    }
    if (mode & ~Fallocate.KEEP_SIZE) {
      return -Errno.EOPNOTSUPP;
    }
    const grows = mode === 0 && offset + length > this.size;
    return grows ? this.truncate(offset + length) : 0;
  }

  /** The bytes read as zero from now on. */
  protected punchHole(_offset: number, _length: number): number {
    return -Errno.EOPNOTSUPP;
  }

  isResident(offset: number): boolean {
    return this.data.isResident(offset);
  }

  removePages(start: number, end: number): number {
    return this.allocate(Fallocate.PUNCH_HOLE | Fallocate.KEEP_SIZE, start, end - start);
  }

  pageAt(offset: number, maxLength: number, write: boolean): FileRange | undefined | number {
    return this.data.pageAt(offset, maxLength, write);
  }

  attach(observer: MappingObserver): void {
    this.data.attach(observer);
  }

  detach(observer: MappingObserver): void {
    this.data.detach(observer);
    this.#idleIfUnused();
  }
}

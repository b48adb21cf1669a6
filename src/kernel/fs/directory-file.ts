/** An open directory. Its entries are read once, and again after a seek to the start. */
import { Errno } from '../abi/errno.js';
import { Whence } from '../abi/fcntl.js';
import { nextRecord, wholeRecords } from '../abi/dirent.js';
import type { StatRecord } from '../abi/stat.js';
import type { Caller } from './caller.js';
import { KernelMemory } from './kernel-memory.js';
import { OpenFile } from './open-file.js';

export class DirectoryFile extends OpenFile {
  #entries: Uint8Array | undefined;
  #kernelMemory: KernelMemory | undefined;
  /** The position is the program's own choice, which need not be where a record begins. */
  #isSought = false;

  override get seekable(): boolean {
    return true;
  }

  override read(): number {
    return -Errno.EISDIR;
  }

  override pread(): number {
    return -Errno.EISDIR;
  }

  override stat(out: StatRecord): number {
    return this.inode?.stat(out) ?? -Errno.EBADF;
  }

  override sync(): number {
    return 0;
  }

  override seek(offset: number, whence: number): number {
    const target = whence === Whence.CUR ? this.position + offset : offset;
    if ((whence !== Whence.SET && whence !== Whence.CUR) || target < 0) {
      return -Errno.EINVAL;
    }
    if (target === 0) {
      this.#forget();
    }
    this.position = target;
    this.#isSought = true;
    return target;
  }

  override nextDirents(caller: Caller, limit: number): Uint8Array | number {
    const entries = this.#load(caller);
    if (typeof entries === 'number') {
      return entries;
    }
    if (this.#isSought) this.position = nextRecord(entries, this.position);
    this.#isSought = false;
    if (this.position >= entries.length) {
      // Nothing more to give: whoever reads on sees the end, whoever rewinds reads anew.
      this.#forget();
      this.#entries = new Uint8Array(0);
      return 0;
    }
    const length = wholeRecords(entries, this.position, limit);
    if (length === 0) {
      return -Errno.EINVAL;
    }
    const records = entries.subarray(this.position, this.position + length);
    this.position += length;
    return records;
  }

  /** The records given last could not be delivered. */
  override unread(records: Uint8Array): void {
    this.position -= records.length;
  }

  #load(caller: Caller): Uint8Array | number {
    if (this.#entries !== undefined) {
      return this.#entries;
    }
    const { location } = this;
    const inode = location?.dentry.inode;
    if (location === undefined || inode === undefined || location.dentry.removed) {
      return -Errno.ENOENT;
    }
    const entries = inode.readDirectory(location.dentry, caller);
    if (typeof entries === 'number') {
      return entries;
    }
    this.#kernelMemory ??= caller.kernel && KernelMemory.of(caller.kernel.memory);
    if (this.#kernelMemory?.take(entries.length) === false) {
      return -Errno.ENOMEM;
    }
    this.#entries = entries;
    return entries;
  }

  #forget(): void {
    this.#kernelMemory?.give(this.#entries?.length ?? 0);
    this.#entries = undefined;
  }

  protected override onClose(): void {
    this.#forget();
  }
}

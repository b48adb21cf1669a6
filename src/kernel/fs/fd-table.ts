/** The descriptors of a process. */
import { Errno } from '../abi/errno.js';
import { releaseRecordLocks } from './locks/file-locks.js';
import type { OpenFile } from './open-file.js';

interface Slot {
  readonly file: OpenFile;
  closeOnExec: boolean;
}

/** RLIMIT_NOFILE where no other is given. */
const DEFAULT_LIMIT = 1024;

export class FdTable {
  readonly #slots: (Slot | undefined)[] = [];
  /** No descriptor below it is free. */
  #lowestFree = 0;
  #users = 1;
  /** It has had locks on ranges of files, fcntl(2): they belong to the table, as in Linux. */
  hasLocks = false;

  /** The file open under `fd`. */
  get(fd: number): OpenFile | undefined {
    return this.#slots[fd]?.file;
  }

  /**
   * The lowest free descriptor from `min` on, for `file`, whose reference it takes over. -EMFILE, and the
   * reference stays the caller's, where that is not below `limit`.
   */
  allocate(file: OpenFile, closeOnExec = false, min = 0, limit = DEFAULT_LIMIT): number {
    let fd = Math.max(min, this.#lowestFree);
    while (this.#slots[fd] !== undefined) {
      fd++;
    }
    if (fd >= limit) {
      return -Errno.EMFILE;
    }
    if (min <= this.#lowestFree) {
      this.#lowestFree = fd + 1;
    }
    this.#slots[fd] = { file, closeOnExec };
    return fd;
  }

  /** Puts `file`, whose reference it takes over, under `fd`, closing what was there. */
  install(fd: number, file: OpenFile, closeOnExec = false): void {
    const before = this.#slots[fd];
    while (this.#slots.length < fd) {
      this.#slots.push(undefined);
    }
    this.#slots[fd] = { file, closeOnExec };
    if (before !== undefined) {
      this.#letGo(before.file);
    }
  }

  /** 0, or -EBADF. */
  close(fd: number): number {
    const slot = this.#slots[fd];
    if (slot === undefined) {
      return -Errno.EBADF;
    }
    this.#slots[fd] = undefined;
    this.#lowestFree = Math.min(this.#lowestFree, fd);
    this.#letGo(slot.file);
    return 0;
  }

  /** A descriptor of `file` is gone, and with it the table's locks on the file, however many others there are. */
  #letGo(file: OpenFile): void {
    if (this.hasLocks) {
      releaseRecordLocks(file, this);
    }
    file.decRef();
  }

  isCloseOnExec(fd: number): boolean {
    return this.#slots[fd]?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.#slots[fd];
    if (slot !== undefined) {
      slot.closeOnExec = on;
    }
  }

  /** Open descriptors in ascending order. */
  *descriptors(): Generator<number> {
    for (let fd = 0; fd < this.#slots.length; fd++) {
      if (this.#slots[fd] !== undefined) {
        yield fd;
      }
    }
  }

  /** Descriptors of [first, last]: closes them, or marks them close-on-exec. */
  closeRange(first: number, last: number, onlyMark: boolean): void {
    const end = Math.min(last, this.#slots.length - 1);
    for (let fd = first; fd <= end; fd++) {
      if (onlyMark) {
        this.setCloseOnExec(fd, true);
      } else {
        this.close(fd);
      }
    }
  }

  /** execve(2): closes what is marked. */
  closeOnExec(): void {
    for (const fd of [...this.descriptors()]) {
      if (this.isCloseOnExec(fd)) {
        this.close(fd);
      }
    }
  }

  closeAll(): void {
    this.closeRange(0, Infinity, false);
  }

  /** clone(2) with CLONE_FILES: one more user of this same table. */
  share(): this {
    this.#users++;
    return this;
  }

  get isShared(): boolean {
    return this.#users > 1;
  }

  /** A user is gone; the last one closes everything. */
  release(): void {
    if (--this.#users === 0) {
      this.closeAll();
    }
  }

  /** fork(2): the same open files under the same descriptors. */
  clone(): FdTable {
    const copy = new FdTable();
    for (const fd of this.descriptors()) {
      const slot = this.#slots[fd] as Slot;
      slot.file.incRef();
      copy.install(fd, slot.file, slot.closeOnExec);
    }
    return copy;
  }
}

/** The descriptors of a process. */
import { Errno } from '../abi/errno.js';
import type { KernelMemory } from './kernel-memory.js';
import { releaseRecordLocks } from './locks/file-locks.js';
import type { OpenFile } from './open-file.js';

interface Slot {
  readonly file: OpenFile;
  closeOnExec: boolean;
}

/** RLIMIT_NOFILE where no other is given. */
const DEFAULT_LIMIT = 1024;
/** Slots lie in blocks, so that a high number alone takes no more than its block. */
const BLOCK_BITS = 6;
const BLOCK = 1 << BLOCK_BITS;
/** Bytes of the host's that a block takes, its place in the list of blocks, and a slot in use. */
const BLOCK_SIZE = BLOCK * 8 + 96;
const PLACE_SIZE = 8;
const SLOT_SIZE = 40;

class Block {
  readonly slots: (Slot | undefined)[] = new Array<Slot | undefined>(BLOCK).fill(undefined);
  used = 0;
}

export class FdTable {
  readonly #blocks: (Block | undefined)[] = [];
  /** No descriptor below it is free. */
  #lowestFree = 0;
  #users = 1;
  #kernelMemory: KernelMemory | undefined;
  /** Bytes of the host's that the table takes. */
  #size = 0;
  /** It has had locks on ranges of files, fcntl(2): they belong to the table, as in Linux. */
  hasLocks = false;

  /** Counts what the table takes of the host's memory, from now on: false where there is no room for what it has. */
  countIn(kernelMemory: KernelMemory): boolean {
    if (!kernelMemory.take(this.#size)) {
      return false;
    }
    this.#kernelMemory = kernelMemory;
    return true;
  }

  /** The file open under `fd`. */
  get(fd: number): OpenFile | undefined {
    return this.#slot(fd)?.file;
  }

  /**
   * The lowest free descriptor from `min` on, for `file`, whose reference it takes over. -EMFILE where that is not
   * below `limit`, -ENOMEM; then the reference stays the caller's.
   */
  allocate(file: OpenFile, closeOnExec = false, min = 0, limit = DEFAULT_LIMIT): number {
    const fd = this.#firstFree(Math.max(min, this.#lowestFree));
    if (fd >= limit) {
      return -Errno.EMFILE;
    }
    if (!this.#put(fd, { file, closeOnExec })) {
      return -Errno.ENOMEM;
    }
    if (min <= this.#lowestFree) {
      this.#lowestFree = fd + 1;
    }
    return fd;
  }

  /** Whether a descriptor below `limit` is free. */
  hasRoom(limit: number): boolean {
    return this.#firstFree(this.#lowestFree) < limit;
  }

  /** Puts `file`, whose reference it takes over, under `fd`, closing what was there: 0; or -ENOMEM, and keeps all. */
  install(fd: number, file: OpenFile, closeOnExec = false): number {
    const before = this.#slot(fd);
    if (!this.#put(fd, { file, closeOnExec })) {
      return -Errno.ENOMEM;
    }
    if (before !== undefined) {
      this.#letGo(before.file);
    }
    return 0;
  }

  /** 0, or -EBADF. */
  close(fd: number): number {
    const slot = this.#slot(fd);
    if (slot === undefined) {
      return -Errno.EBADF;
    }
    this.#clear(fd);
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
    return this.#slot(fd)?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.#slot(fd);
    if (slot !== undefined) {
      slot.closeOnExec = on;
    }
  }

  /** Open descriptors in ascending order, from `first` to `last`. */
  *descriptors(first = 0, last = Infinity): Generator<number> {
    for (let index = first >> BLOCK_BITS; index < this.#blocks.length; index++) {
      const slots = this.#blocks[index]?.slots ?? [];
      for (let offset = 0; offset < slots.length; offset++) {
        const fd = index * BLOCK + offset;
        if (fd > last) {
          return;
        }
        if (fd >= first && slots[offset] !== undefined) {
          yield fd;
        }
      }
    }
  }

  /** Descriptors of [first, last]: closes them, or marks them close-on-exec. */
  closeRange(first: number, last: number, onlyMark: boolean): void {
    if (first >= this.#blocks.length * BLOCK) {
      return;
    }
    for (const fd of this.descriptors(first, last)) {
      if (onlyMark) {
        this.setCloseOnExec(fd, true);
      } else {
        this.close(fd);
      }
    }
  }

  /** execve(2): closes what is marked. */
  closeOnExec(): void {
    for (const fd of this.descriptors()) {
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

  /** fork(2): the same open files under the same descriptors. `undefined` where there is no memory for it. */
  clone(): FdTable | undefined {
    const copy = new FdTable();
    copy.#kernelMemory = this.#kernelMemory;
    for (const fd of this.descriptors()) {
      const { file, closeOnExec } = this.#slot(fd) as Slot;
      file.incRef();
      if (copy.install(fd, file, closeOnExec) !== 0) {
        file.decRef();
        copy.release();
        return undefined;
      }
    }
    return copy;
  }

  #slot(fd: number): Slot | undefined {
    // Shifting makes any number an index; only those that it leaves as they are may find something.
    return fd >= 0 ? this.#blocks[fd >> BLOCK_BITS]?.slots[fd & (BLOCK - 1)] : undefined;
  }

  #firstFree(from: number): number {
    for (let fd = from; ;) {
      const block = this.#blocks[fd >> BLOCK_BITS];
      if (block === undefined) {
        return fd;
      }
      if (block.used === BLOCK) {
        fd = ((fd >> BLOCK_BITS) + 1) << BLOCK_BITS;
      } else if (block.slots[fd & (BLOCK - 1)] === undefined) {
        return fd;
      } else {
        fd++;
      }
    }
  }

  /** False where there is no memory for it. */
  #put(fd: number, slot: Slot): boolean {
    const block = this.#blockFor(fd);
    const offset = fd & (BLOCK - 1);
    const isNew = block?.slots[offset] === undefined;
    if (block === undefined || (isNew && !this.#account(SLOT_SIZE))) {
      return false;
    }
    if (isNew) {
      block.used++;
    }
    block.slots[offset] = slot;
    return true;
  }

  #blockFor(fd: number): Block | undefined {
    const index = fd >> BLOCK_BITS;
    const there = this.#blocks[index];
    if (there !== undefined) {
      return there;
    }
    const places = Math.max(index + 1 - this.#blocks.length, 0);
    if (!this.#account(BLOCK_SIZE + places * PLACE_SIZE)) {
      return undefined;
    }
    while (this.#blocks.length < index) {
      this.#blocks.push(undefined);
    }
    return (this.#blocks[index] = new Block());
  }

  #clear(fd: number): void {
    const index = fd >> BLOCK_BITS;
    const block = this.#blocks[index];
    if (block === undefined) {
      return;
    }
    block.slots[fd & (BLOCK - 1)] = undefined;
    block.used--;
    this.#account(-SLOT_SIZE);
    if (block.used === 0) {
      this.#blocks[index] = undefined;
      this.#account(-BLOCK_SIZE);
      while (this.#blocks.length > 0 && this.#blocks[this.#blocks.length - 1] === undefined) {
        this.#blocks.pop();
        this.#account(-PLACE_SIZE);
      }
    }
  }

  #account(bytes: number): boolean {
    if (bytes > 0 && this.#kernelMemory?.take(bytes) === false) {
      return false;
    }
    if (bytes < 0) {
      this.#kernelMemory?.give(-bytes);
    }
    this.#size += bytes;
    return true;
  }
}

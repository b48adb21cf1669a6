/** An open file description (open(2)): shared by the descriptors that dup(2) and fork(2) make of it. */
import { Errno } from '../abi/errno.js';
import { O, SETTABLE_FLAGS } from '../abi/fcntl.js';
import { Inotify } from '../abi/inotify.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import type { StatRecord } from '../abi/stat.js';
import type { MappedFile, MapSource } from '../mm/mappable.js';
import type { Task } from '../task/task.js';
import { changeAnonymous } from './anonymous-stat.js';
import type { Dentry } from './dentry.js';
import type { AttributeChange, Inode } from './inode.js';
import { notifyIfGone, notifyPlace } from './inotify/notify.js';
import type { Location } from './location.js';

/** Flags that open(2) uses up: they are not part of the description. */
const OPEN_ONLY = O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.CLOEXEC;

/**
 * Reads and writes never wait: where they would have to they give -EAGAIN, and `watch` tells when to try again.
 * Whether to wait is the business of the system call. Results below 0 are -errno.
 */
export abstract class OpenFile implements MapSource {
  /** Status flags and access mode, as F_GETFL gives them. */
  flags: number;
  /** File position of what has one. */
  position = 0;
  #references = 1;
  #onLastClose: Set<() => void> | undefined;

  constructor(
    flags: number,
    /** Where it was opened; pipes and the like have no place. */
    readonly location?: Location,
  ) {
    this.flags = flags & ~OPEN_ONLY;
    if (location !== undefined) {
      location.dentry.users++;
    }
  }

  get inode(): Inode | undefined {
    return this.location?.dentry.inode;
  }

  get readable(): boolean {
    return (this.flags & (O.ACCMODE | O.PATH)) !== O.WRONLY && !this.isPathOnly;
  }

  get writable(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY && !this.isPathOnly;
  }

  /** O_PATH: a place and nothing more. */
  get isPathOnly(): boolean {
    return (this.flags & O.PATH) !== 0;
  }

  get nonBlocking(): boolean {
    return (this.flags & O.NONBLOCK) !== 0;
  }

  /** With O_ASYNC a signal tells that it has become ready. */
  get signalsReadiness(): boolean {
    return false;
  }

  setStatusFlags(flags: number): void {
    this.flags = (this.flags & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS);
  }

  /** It has a position, and pread(2) and pwrite(2) work. */
  get seekable(): boolean {
    return false;
  }

  /** Descriptors, messages and calls that hold it. */
  get references(): number {
    return this.#references;
  }

  incRef(): void {
    this.#references++;
  }

  /** Opened anew by /proc/PID/fd, though it has no place; `undefined` where the same description will do. */
  again(_flags: number): OpenFile | number | undefined {
    return undefined;
  }

  /** Closes with the last reference. */
  decRef(): void {
    if (--this.#references === 0) {
      for (const tell of this.#onLastClose ?? []) {
        tell();
      }
      this.onClose();
      if (this.location !== undefined) {
        this.location.dentry.users--;
        this.#notifyClosed(this.location.dentry);
      }
    }
  }

  #notifyClosed(dentry: Dentry): void {
    if (!this.isPathOnly) {
      notifyPlace(dentry, this.writable ? Inotify.CLOSE_WRITE : Inotify.CLOSE_NOWRITE);
      if (dentry.removed) {
        notifyIfGone(dentry);
      }
    }
  }

  /** Calls `tell` as the last reference goes, unless the function given back is called before. */
  beforeClose(tell: () => void): () => void {
    this.#onLastClose ??= new Set();
    this.#onLastClose.add(tell);
    return () => {
      this.#onLastClose?.delete(tell);
    };
  }

  /** The last descriptor is gone. */
  protected onClose(): void {
    // Nothing to release for most.
  }

  /** A write that took only a part is a whole one: the rest is not for another, as it is with a stream. */
  get writesOnce(): boolean {
    return false;
  }

  /** Reads at the position, or what comes next. `task`: who reads, where that matters. */
  read(_dst: Uint8Array, _task?: Task): number {
    return -Errno.EINVAL;
  }

  write(_src: Uint8Array, _task?: Task): number {
    return -Errno.EINVAL;
  }

  pread(_dst: Uint8Array, _offset: number): number {
    return -Errno.ESPIPE;
  }

  pwrite(_src: Uint8Array, _offset: number): number {
    return -Errno.ESPIPE;
  }

  /** Takes back bytes of the last read that could not be delivered. */
  unread(_bytes: Uint8Array): void {
    // Only what is used up by reading can take back.
  }

  seek(_offset: number, _whence: number): number {
    return -Errno.ESPIPE;
  }

  /** open(2) is not done before `watch` has told of it. */
  get awaitsPeer(): boolean {
    return false;
  }

  /** epoll(7) takes it: waiting for it makes sense. */
  get canPoll(): boolean {
    return this.inode?.isRegular !== true && this.inode?.isDirectory !== true;
  }

  /** poll(2) events that hold now for `task`. */
  poll(_task?: Task): number {
    return POLL_READABLE | POLL_WRITABLE;
  }

  /** Calls `wake` when one of `events`, or an error, may hold; until the function given back is called. */
  watch(_events: number, _wake: () => void, _task?: Task): () => void {
    return () => undefined;
  }

  abstract stat(out: StatRecord): number;

  /** What descriptors of the same object have in common. */
  protected get identity(): object {
    return this;
  }

  /** Metadata of what has no inode. */
  changeAttributes(change: AttributeChange): number {
    return changeAnonymous(this.identity, change);
  }

  truncate(_size: number): number {
    return -Errno.EINVAL;
  }

  sync(_dataOnly: boolean): number {
    return -Errno.EINVAL;
  }

  /** F_GET_SEALS */
  get seals(): number {
    return -Errno.EINVAL;
  }

  /** F_ADD_SEALS */
  addSeals(_seals: number): number {
    return -Errno.EINVAL;
  }

  /** Requests of ioctl(2) that only this kind of file knows. */
  ioctl(_task: Task, _request: number, _argument: number): number {
    return -Errno.ENOTTY;
  }

  /** Up to `limit` bytes of struct linux_dirent64 records, whole ones. */
  nextDirents(_task: Task, _limit: number): Uint8Array | number {
    return -Errno.ENOTDIR;
  }

  mapping(): MappedFile | 'anonymous' | number {
    return -Errno.ENODEV;
  }

  /** Lines of /proc/PID/fdinfo that only this kind of file has. */
  fdinfo(): string {
    return '';
  }

  /** What /proc/PID/fd shows for a file without a place. */
  describe(): string {
    return 'anon_inode:[unknown]';
  }
}

/** O_PATH: stands for a place, gives nothing of the file. */
export class PathFile extends OpenFile {
  override stat(out: StatRecord): number {
    return this.inode?.stat(out) ?? -Errno.EBADF;
  }

  override poll(): number {
    return Poll.NVAL;
  }
}

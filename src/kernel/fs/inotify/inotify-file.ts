/** An inotify instance: watches, and the events that wait to be read (inotify(7)). */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { Inotify, INOTIFY_EVENT_SIZE, WatchFlag } from '../../abi/inotify.js';
import { Poll, POLL_READABLE } from '../../abi/poll.js';
import { Ioctl } from '../../abi/termios.js';
import type { Task } from '../../task/task.js';
import { AnonymousFile } from '../event/anonymous-file.js';
import type { Inode } from '../inode.js';
import type { KernelMemory } from '../kernel-memory.js';
import type { Location } from '../location.js';
import { giveInt } from '../tty/job-control.js';
import { Watch } from './watch.js';

/** /proc/sys/fs/inotify/max_queued_events */
const MAX_QUEUED = 16384;
/** What a watch, and an event beside its name, takes of the host process's memory. */
const WATCH_BYTES = 512;
const EVENT_BYTES = 128;
/** Names are padded to a multiple of this. */
const NAME_ALIGNMENT = 16;

export interface InotifyEvent {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}

function sizeOf({ name }: InotifyEvent): number {
  const padded = Math.ceil((name.length + 1) / NAME_ALIGNMENT) * NAME_ALIGNMENT;
  return INOTIFY_EVENT_SIZE + (name === '' ? 0 : padded);
}

function isSame(a: InotifyEvent, b: InotifyEvent): boolean {
  return a.wd === b.wd && a.mask === b.mask && a.cookie === b.cookie && a.name === b.name;
}

export class InotifyFile extends AnonymousFile {
  readonly #watches = new Map<number, Watch>();
  readonly #byInode = new Map<Inode, Watch>();
  #events: InotifyEvent[] = [];
  #lastWd = 0;

  constructor(
    flags: number,
    readonly kernelMemory: KernelMemory,
  ) {
    super(O.RDONLY | flags, 'inotify');
  }

  /** inotify_add_watch(2): the watch descriptor, or -errno. */
  add(inode: Inode, location: Location, mask: number): number {
    const existing = this.#byInode.get(inode);
    if (existing !== undefined) {
      if (mask & WatchFlag.MASK_CREATE) {
        return -Errno.EEXIST;
      }
      existing.mask = mask & WatchFlag.MASK_ADD ? existing.mask | mask : mask;
      return existing.wd;
    }
    if (!this.kernelMemory.take(WATCH_BYTES)) {
      return -Errno.ENOSPC;
    }
    const watch = new Watch(this, ++this.#lastWd, mask, inode, location);
    this.#watches.set(watch.wd, watch);
    this.#byInode.set(inode, watch);
    return watch.wd;
  }

  /** inotify_rm_watch(2) */
  remove(wd: number): number {
    const watch = this.#watches.get(wd);
    watch?.end();
    return watch === undefined ? -Errno.EINVAL : 0;
  }

  /** Lets go of a watch; false where that has been done. */
  forget(watch: Watch): boolean {
    if (!this.#watches.delete(watch.wd)) {
      return false;
    }
    this.#byInode.delete(watch.inode);
    watch.dispose();
    this.kernelMemory.give(WATCH_BYTES);
    return true;
  }

  queueEvent(event: InotifyEvent): void {
    const last = this.#events.at(-1);
    if (last !== undefined && isSame(last, event)) {
      return;
    }
    const full = this.#events.length >= MAX_QUEUED || !this.kernelMemory.take(bytesOf(event));
    if (!full) {
      this.#events.push(event);
    } else if (last !== undefined && last.mask !== Inotify.Q_OVERFLOW) {
      // There is always room for this one: it is told of once.
      this.kernelMemory.take(EVENT_BYTES);
      this.#events.push({ wd: -1, mask: Inotify.Q_OVERFLOW, cookie: 0, name: '' });
    }
    this.queue.wake(POLL_READABLE);
  }

  override get signalsReadiness(): boolean {
    return true;
  }

  override read(dst: Uint8Array): number {
    const [first] = this.#events;
    if (first === undefined) {
      return -Errno.EAGAIN;
    }
    const bytes = Buffer.from(dst.buffer, dst.byteOffset, dst.byteLength);
    let at = 0;
    let taken = 0;
    for (const event of this.#events) {
      if (at + sizeOf(event) > bytes.length) {
        break;
      }
      at = encode(event, bytes, at);
      this.kernelMemory.give(bytesOf(event));
      taken++;
    }
    this.#events = this.#events.slice(taken);
    return taken === 0 ? -Errno.EINVAL : at;
  }

  override poll(): number {
    return this.#events.length > 0 ? POLL_READABLE : 0;
  }

  override watch(events: number, wake: () => void): () => void {
    return this.queue.add(events | Poll.IN, wake);
  }

  override ioctl(task: Task, request: number, argument: number): number {
    if (request !== Ioctl.FIONREAD) {
      return -Errno.ENOTTY;
    }
    const bytes = this.#events.reduce((sum, event) => sum + sizeOf(event), 0);
    return giveInt(task, argument, bytes);
  }

  override fdinfo(): string {
    let text = '';
    for (const { wd, mask } of this.#watches.values()) {
      text += `inotify wd:${wd.toString(16)} mask:${(mask >>> 0).toString(16)} ignored_mask:0\n`;
    }
    return text;
  }

  protected override onClose(): void {
    for (const watch of [...this.#watches.values()]) {
      this.forget(watch);
    }
    for (const event of this.#events) {
      this.kernelMemory.give(bytesOf(event));
    }
    this.#events = [];
  }
}

/** Of the host process's memory. */
function bytesOf({ name }: InotifyEvent): number {
  return EVENT_BYTES + name.length;
}

function encode(event: InotifyEvent, bytes: Buffer, at: number): number {
  const size = sizeOf(event);
  bytes.fill(0, at, at + size);
  bytes.writeInt32LE(event.wd, at);
  bytes.writeUInt32LE(event.mask >>> 0, at + 4);
  bytes.writeUInt32LE(event.cookie, at + 8);
  bytes.writeUInt32LE(size - INOTIFY_EVENT_SIZE, at + 12);
  bytes.write(event.name, at + INOTIFY_EVENT_SIZE, 'latin1');
  return at + size;
}

/** A set of descriptors to wait for, epoll(7). */
import { Epoll, EPOLL_EVENT_SIZE } from '../../abi/epoll.js';
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { Poll, POLL_READABLE } from '../../abi/poll.js';
import type { Task } from '../../task/task.js';
import type { KernelMemory } from '../kernel-memory.js';
import type { OpenFile } from '../open-file.js';
import { AnonymousFile } from './anonymous-file.js';
import { type EpollEvent, EpollItem } from './epoll-item.js';

/** What an item takes, as the kernel counts its memory. */
const ITEM_BYTES = 512;
/** Sets within sets, beneath the outermost (EP_MAX_NESTS). */
const MAX_NESTS = 4;

export class EpollFile extends AnonymousFile {
  readonly #items = new Map<OpenFile, Map<number, EpollItem>>();
  /** Those that may be ready, in the order in which they became it. */
  readonly #ready = new Set<EpollItem>();
  /** Sets that this one is in, each as often as it is. */
  readonly #parents: EpollFile[] = [];

  constructor(readonly kernelMemory: KernelMemory) {
    super(O.RDWR, '[eventpoll]');
  }

  /** EPOLL_CTL_ADD */
  add(fd: number, file: OpenFile, event: EpollEvent, task: Task): number {
    if (file instanceof EpollFile && this.#wouldNest(file)) {
      return -Errno.ELOOP;
    }
    if (this.#find(fd, file) !== undefined) {
      return -Errno.EEXIST;
    }
    if (!this.kernelMemory.take(ITEM_BYTES)) {
      return -Errno.ENOSPC;
    }
    const item = new EpollItem(
      fd,
      file,
      event,
      task,
      (ready) => {
        this.#becameReady(ready);
      },
      (closing) => {
        this.#drop(closing);
      },
    );
    const ofFile = this.#items.get(file) ?? new Map<number, EpollItem>();
    this.#items.set(file, ofFile);
    ofFile.set(fd, item);
    if (file instanceof EpollFile) {
      file.#parents.push(this);
    }
    this.#look(item, task);
    return 0;
  }

  /** EPOLL_CTL_MOD */
  modify(fd: number, file: OpenFile, event: EpollEvent, task: Task): number {
    const item = this.#find(fd, file);
    if (item === undefined) {
      return -Errno.ENOENT;
    }
    if (item.has(Epoll.EXCLUSIVE)) {
      return -Errno.EINVAL;
    }
    item.event = event;
    this.#look(item, task);
    return 0;
  }

  /** EPOLL_CTL_DEL */
  remove(fd: number, file: OpenFile): number {
    const item = this.#find(fd, file);
    if (item === undefined) {
      return -Errno.ENOENT;
    }
    this.#drop(item);
    return 0;
  }

  /**
   * Gives `deliver` up to `max` events as an array of struct epoll_event, of which it takes so many from the
   * front. How many those were; 0 where nothing is ready, -EFAULT where it takes none.
   */
  collect(max: number, task: Task, deliver: (events: Buffer) => number): number {
    const bytes = Buffer.alloc(Math.min(max, this.#ready.size) * EPOLL_EVENT_SIZE);
    const items: EpollItem[] = [];
    for (const item of [...this.#ready]) {
      const at = items.length * EPOLL_EVENT_SIZE;
      if (at === bytes.length) {
        break;
      }
      const events = item.poll(task);
      this.#ready.delete(item);
      if (events !== 0) {
        bytes.writeUInt32LE(events, at);
        bytes.writeUInt32LE(item.event.low, at + 4);
        bytes.writeUInt32LE(item.event.high, at + 8);
        items.push(item);
      }
    }
    if (items.length === 0) {
      return 0;
    }
    const delivered = deliver(bytes.subarray(0, items.length * EPOLL_EVENT_SIZE));
    this.#settle(items, delivered);
    return delivered === 0 ? -Errno.EFAULT : delivered;
  }

  /** What was told once is done with; what holds on is looked at again, after the others. */
  #settle(items: readonly EpollItem[], delivered: number): void {
    for (const [index, item] of items.entries()) {
      const told = index < delivered;
      if (told && item.has(Epoll.ONESHOT)) {
        item.disable();
      } else if (!told || !item.has(Epoll.ET)) {
        this.#ready.add(item);
      }
    }
  }

  /** Ready itself, in another set, while something in it is. */
  override poll(task?: Task): number {
    for (const item of [...this.#ready]) {
      if (item.poll(task ?? item.task) !== 0) {
        return POLL_READABLE;
      }
      this.#ready.delete(item);
    }
    return 0;
  }

  override fdinfo(): string {
    let text = '';
    for (const { fd, event } of this.#allItems()) {
      const events = (event.events >>> 0).toString(16).padStart(8);
      const data = (BigInt(event.high) << 32n) | BigInt(event.low);
      text += `tfd: ${String(fd).padStart(8)} events: ${events} data: ${data.toString(16).padStart(16)}\n`;
    }
    return text;
  }

  protected override onClose(): void {
    for (const item of [...this.#allItems()]) {
      this.#drop(item);
    }
  }

  *#allItems(): Generator<EpollItem> {
    for (const ofFile of this.#items.values()) {
      yield* ofFile.values();
    }
  }

  #find(fd: number, file: OpenFile): EpollItem | undefined {
    return this.#items.get(file)?.get(fd);
  }

  #drop(item: EpollItem): void {
    const { file } = item;
    const ofFile = this.#items.get(file);
    ofFile?.delete(item.fd);
    if (ofFile?.size === 0) {
      this.#items.delete(file);
    }
    this.#ready.delete(item);
    if (file instanceof EpollFile) {
      file.#parents.splice(file.#parents.indexOf(this), 1);
    }
    item.dispose();
    this.kernelMemory.give(ITEM_BYTES);
  }

  /** A new or changed item may be ready already. */
  #look(item: EpollItem, task: Task): void {
    if (item.poll(task) !== 0) {
      this.#becameReady(item);
    }
  }

  #becameReady(item: EpollItem): void {
    this.#ready.add(item);
    this.queue.wake(Poll.IN);
  }

  /** With `inner` in it, sets would be in each other, or in too many of them. */
  #wouldNest(inner: EpollFile): boolean {
    const down = depth(inner, (set) => [...set.#items.keys()].filter(isSet), new Map());
    const up = depth(this, (set) => set.#parents, new Map());
    return inner === this || down + 1 + up > MAX_NESTS || inner.#holds(this);
  }

  /** At any depth; that is limited, as sets that hold one another are never made. */
  #holds(other: EpollFile, seen = new Set<EpollFile>()): boolean {
    seen.add(this);
    return [...this.#items.keys()]
      .filter(isSet)
      .some((set) => set === other || (!seen.has(set) && set.#holds(other, seen)));
  }
}

function isSet(file: OpenFile): file is EpollFile {
  return file instanceof EpollFile;
}

/** The longest way from `set` by `next`. */
function depth(
  set: EpollFile,
  next: (set: EpollFile) => readonly EpollFile[],
  known: Map<EpollFile, number>,
): number {
  let deepest = known.get(set);
  if (deepest === undefined) {
    deepest = 0;
    for (const other of next(set)) {
      deepest = Math.max(deepest, depth(other, next, known) + 1);
    }
    known.set(set, deepest);
  }
  return deepest;
}

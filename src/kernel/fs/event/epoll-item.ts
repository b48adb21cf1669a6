/** A descriptor that an epoll set watches, with what it was asked for. */
import { Epoll } from '../../abi/epoll.js';
import { Poll } from '../../abi/poll.js';
import type { Task } from '../../task/task.js';
import type { OpenFile } from '../open-file.js';

/** Bits that say how to tell, not what of. */
const MANNER = Epoll.EXCLUSIVE | Epoll.WAKEUP | Epoll.ONESHOT | Epoll.ET;
/** Told of whatever was asked for. */
const ALWAYS = Poll.ERR | Poll.HUP;

export interface EpollEvent {
  readonly events: number;
  /** `data`, in two halves: the program's own. */
  readonly low: number;
  readonly high: number;
}

export class EpollItem {
  #event: EpollEvent;
  #stopWatching: () => void = () => undefined;
  readonly #stopClosing: () => void;

  constructor(
    readonly fd: number,
    readonly file: OpenFile,
    event: EpollEvent,
    /** Who asked: the signals of a signalfd(2) are that one's. */
    readonly task: Task,
    /** Called when it may have become ready. */
    readonly onReady: (item: EpollItem) => void,
    /** Called as the file closes. */
    onClose: (item: EpollItem) => void,
  ) {
    this.#event = withAlways(event);
    this.#stopClosing = file.beforeClose(() => {
      onClose(this);
    });
    this.#watch();
  }

  get event(): EpollEvent {
    return this.#event;
  }

  /** EPOLL_CTL_MOD */
  set event(event: EpollEvent) {
    this.#event = withAlways(event);
    this.#watch();
  }

  /** What holds of what was asked for. */
  poll(task: Task): number {
    const wanted = this.#wanted;
    return wanted === 0 ? 0 : this.file.poll(task) & wanted;
  }

  has(manner: number): boolean {
    return (this.#event.events & manner) !== 0;
  }

  /** EPOLLONESHOT: tells no more until it is modified. */
  disable(): void {
    this.#event = { ...this.#event, events: this.#event.events & MANNER };
  }

  dispose(): void {
    this.#stopWatching();
    this.#stopClosing();
  }

  /** 0 where it is disabled. */
  get #wanted(): number {
    return this.#event.events & ~MANNER;
  }

  #watch(): void {
    this.#stopWatching();
    const wake = (): void => {
      if (this.#wanted !== 0) {
        this.onReady(this);
      }
    };
    this.#stopWatching = this.file.watch(this.#wanted, wake, this.task);
  }
}

function withAlways(event: EpollEvent): EpollEvent {
  return { ...event, events: event.events | ALWAYS };
}

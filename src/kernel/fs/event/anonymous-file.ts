/** What Linux's anon_inode_getfd() makes: an open file without a place, which stands for an event source. */
import { ANONYMOUS_DEVICE } from '../device-numbers.js';
import { fillAnonymousStat } from '../anonymous-stat.js';
import { OpenFile } from '../open-file.js';
import type { StatRecord } from '../../abi/stat.js';
import type { Task } from '../../task/task.js';
import { WaitQueue } from '../wait-queue.js';

/** They all share one inode, which has permissions and no type. */
const SHARED_INODE = 11;
const PERMISSIONS = 0o600;

export abstract class AnonymousFile extends OpenFile {
  readonly queue = new WaitQueue();
  readonly #name: string;

  /** `name`: what /proc/PID/fd shows behind `anon_inode:`. */
  constructor(flags: number, name: string) {
    super(flags);
    this.#name = name;
  }

  override get writesOnce(): boolean {
    return true;
  }

  override watch(events: number, wake: () => void, _task?: Task): () => void {
    return this.queue.add(events, wake);
  }

  override stat(out: StatRecord): number {
    return fillAnonymousStat(out, PERMISSIONS, ANONYMOUS_DEVICE, SHARED_INODE, this);
  }

  /** lseek(2) has no effect and no error here. */
  override seek(): number {
    return 0;
  }

  override describe(): string {
    return `anon_inode:${this.#name}`;
  }
}

/** Character devices: null(4), zero(4), full(4), random(4), tty(4). */
import { fillRandom } from '../../../host/random.js';
import { Errno } from '../../abi/errno.js';
import { Whence } from '../../abi/fcntl.js';
import type { StatRecord } from '../../abi/stat.js';
import type { Caller } from '../caller.js';
import type { NewNode } from '../inode.js';
import type { Location } from '../location.js';
import { MemoryNode } from '../memory-inode.js';
import type { MemoryStore } from '../memory-store.js';
import { OpenFile } from '../open-file.js';
import { taskOf } from '../tty/devpts.js';
import { Terminals } from '../tty/terminals.js';

/** How a device reads and writes. */
export interface DeviceBehaviour {
  read(dst: Uint8Array): number;
  write(src: Uint8Array): number;
  /** mmap(2) of it gives anonymous memory. */
  readonly mapsAnonymous?: true;
  /** epoll(7) takes it. */
  readonly canPoll?: true;
}

class DeviceFile extends OpenFile {
  readonly #behaviour: DeviceBehaviour;

  constructor(flags: number, location: Location, behaviour: DeviceBehaviour) {
    super(flags, location);
    this.#behaviour = behaviour;
  }

  override get seekable(): boolean {
    return true;
  }

  override get canPoll(): boolean {
    return this.#behaviour.canPoll === true;
  }

  override read(dst: Uint8Array): number {
    return this.#behaviour.read(dst);
  }

  override write(src: Uint8Array): number {
    return this.#behaviour.write(src);
  }

  override pread(dst: Uint8Array): number {
    return this.#behaviour.read(dst);
  }

  override pwrite(src: Uint8Array): number {
    return this.#behaviour.write(src);
  }

  override seek(_offset: number, whence: number): number {
    return whence > Whence.END ? -Errno.EINVAL : 0;
  }

  override stat(out: StatRecord): number {
    return this.inode?.stat(out) ?? -Errno.EBADF;
  }

  override mapping(): 'anonymous' | number {
    return this.#behaviour.mapsAnonymous ? 'anonymous' : -Errno.ENODEV;
  }
}

const swallow = (src: Uint8Array): number => src.length;

function readZeroes(dst: Uint8Array): number {
  dst.fill(0);
  return dst.length;
}

function readRandom(dst: Uint8Array): number {
  fillRandom(dst);
  return dst.length;
}

export const behaviours = {
  null: { read: () => 0, write: swallow },
  zero: { read: readZeroes, write: swallow, mapsAnonymous: true },
  full: { read: readZeroes, write: () => -Errno.ENOSPC },
  random: { read: readRandom, write: swallow, canPoll: true },
  urandom: { read: readRandom, write: swallow },
} as const satisfies Record<string, DeviceBehaviour>;

/** A device node. */
export class DeviceNode extends MemoryNode {
  constructor(
    store: MemoryStore,
    node: NewNode,
    readonly behaviour: DeviceBehaviour,
  ) {
    super(store, node);
  }

  override open(location: Location, flags: number): OpenFile | number {
    return new DeviceFile(flags, location, this.behaviour);
  }
}

/** /dev/tty: the controlling terminal of whoever opens it. */
export class TerminalNode extends MemoryNode {
  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    const task = taskOf(caller);
    const terminal = task && Terminals.of(task.kernel).find(task.process);
    return terminal?.reopen(flags, location) ?? -Errno.ENXIO;
  }
}

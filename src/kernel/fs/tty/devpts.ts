/** /dev/pts and /dev/ptmx, pts(4). */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { Mode } from '../../abi/stat.js';
import { FsMagic } from '../../abi/statfs.js';
import type { GuestMemory } from '../../guest.js';
import type { Task } from '../../task/task.js';
import type { Caller } from '../caller.js';
import type { Dentry } from '../dentry.js';
import { DEVPTS_DEVICE } from '../device-numbers.js';
import { emptyStatfs, FileSystem } from '../file-system.js';
import type { Inode, NewNode } from '../inode.js';
import { KernelMemory } from '../kernel-memory.js';
import type { Location } from '../location.js';
import { MemoryDirectory } from '../memory-directory.js';
import { MemoryNode } from '../memory-inode.js';
import { MemoryStore } from '../memory-store.js';
import type { Mount } from '../mount.js';
import type { OpenFile } from '../open-file.js';
import { PseudoTerminal } from './pseudo-terminal.js';
import { PtyMaster } from './pty-master.js';
import { PtySlave } from './pty-slave.js';
import { Terminals } from './terminals.js';

const MAX_TERMINALS = 4096;
/** What a terminal takes of the host process's memory. */
const TERMINAL_BYTES = 48 * 1024;
const PERMISSIONS = 0o620;
const TTY_GROUP = 5;

/** Nobody makes or removes anything here but /dev/ptmx. */
class PtsDirectory extends MemoryDirectory {
  override make(): number {
    return -Errno.EPERM;
  }
  override remove(): number {
    return -Errno.EPERM;
  }
  override link(): number {
    return -Errno.EPERM;
  }
  override rename(): number {
    return -Errno.EPERM;
  }
}

/** /dev/pts/N */
class SlaveNode extends MemoryNode {
  constructor(
    store: MemoryStore,
    node: NewNode,
    readonly terminal: PseudoTerminal,
  ) {
    super(store, node);
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    const { terminal } = this;
    if (!terminal.masterOpen || terminal.locked) {
      return -Errno.EIO;
    }
    if (terminal.exclusive && caller.credentials.euid !== 0) {
      return -Errno.EBUSY;
    }
    const task = taskOf(caller);
    if (task !== undefined && (flags & O.NOCTTY) === 0) {
      Terminals.of(terminal.kernel).assignByOpen(task, terminal);
    }
    return new PtySlave(flags, location, terminal);
  }
}

/** /dev/ptmx: each time it is opened there is a new pseudo-terminal. */
export class MultiplexerNode extends MemoryNode {
  constructor(
    store: MemoryStore,
    node: NewNode,
    readonly devpts: DevPts,
  ) {
    super(store, node);
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    const task = taskOf(caller);
    return task === undefined ? -Errno.ENXIO : this.devpts.create(task, location, flags);
  }
}

/** The task that a caller is; the kernel itself is none. */
export function taskOf(caller: Caller): Task | undefined {
  return caller.process === undefined ? undefined : (caller as Task);
}

export class DevPts extends FileSystem {
  override readonly type = 'devpts';
  override readonly root: MemoryDirectory;
  readonly #store: MemoryStore;
  readonly #terminals = new Map<number, PseudoTerminal>();
  /** Set once it is mounted. */
  mount: Mount | undefined;

  constructor(readonly memory: GuestMemory) {
    super();
    this.#store = new MemoryStore(this, memory, DEVPTS_DEVICE);
    this.root = new PtsDirectory(this.#store, { mode: Mode.S_IFDIR | 0o755, uid: 0, gid: 0 });
  }

  /** A new pseudo-terminal: its master end, opened at `location`. */
  create(task: Task, location: Location, flags: number): OpenFile | number {
    const directory = this.mount?.root;
    const index = this.#freeIndex();
    const kernelMemory = KernelMemory.of(this.memory);
    if (directory === undefined || index < 0 || !kernelMemory.take(TERMINAL_BYTES)) {
      return -Errno.ENOSPC;
    }
    const node = this.#addNode(task, directory, index);
    this.#terminals.set(index, node.terminal);
    return new PtyMaster(flags, location, node.terminal, () => {
      this.#remove(directory, index);
      kernelMemory.give(TERMINAL_BYTES);
    });
  }

  #freeIndex(): number {
    let index = 0;
    while (this.#terminals.has(index)) {
      index++;
    }
    return index < MAX_TERMINALS ? index : -1;
  }

  #addNode(task: Task, directory: Dentry, index: number): SlaveNode {
    const name = String(index);
    const terminal = new PseudoTerminal(task.kernel, index, (which, flags, location) =>
      this.#openSlave(which, flags, location),
    );
    const { device } = terminal;
    const { euid: uid } = task.credentials;
    const owner = { mode: Mode.S_IFCHR | PERMISSIONS, uid, gid: TTY_GROUP };
    const node = new SlaveNode(this.#store, { ...owner, device }, terminal);
    directory.add(name, node).pin();
    return node;
  }

  /** Opened by the terminal rather than by its name. */
  #openSlave(
    terminal: PseudoTerminal,
    flags: number,
    location = this.#placeOf(terminal),
  ): OpenFile | number {
    const gone = location === undefined || !terminal.masterOpen;
    return gone ? -Errno.EIO : new PtySlave(flags, location, terminal);
  }

  #placeOf({ index }: PseudoTerminal): Location | undefined {
    const { mount } = this;
    const dentry = mount?.root.child(String(index));
    return mount && dentry && { mount, dentry };
  }

  #remove(directory: Dentry, index: number): void {
    const dentry = directory.child(String(index));
    if (dentry !== undefined) {
      dentry.removed = true;
      directory.drop(dentry.name);
    }
    this.#terminals.delete(index);
  }

  override statfs(_inode: Inode, out: Uint8Array): number {
    return emptyStatfs(FsMagic.Devpts, out);
  }
}

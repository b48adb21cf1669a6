/** Objects of System V by number and by key, sysvipc(7): semaphore sets and message queues. */
import { Errno } from '../abi/errno.js';
import type { KernelMemory } from '../fs/kernel-memory.js';
import { mayAccessAs } from '../fs/permission.js';
import type { Credentials } from '../task/credentials.js';

/** IPC_PRIVATE, and the key of what is removed. */
export const NO_KEY = 0;
export const ACCESS_BITS = 0o777;
/** Flags of semget(2) and its kin. */
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;
/** Bits of `wanted`. */
export const READ = 4;
export const WRITE = 2;

/** SEMMNI, MSGMNI. */
const MOST_OBJECTS = 32000;
/** Places of a table, after which numbers come round with another sequence number. */
const PLACES = 32768;
/** Bytes of the host's that one takes besides what it holds. */
const OBJECT_SIZE = 512;

/** Who may use something: `struct ipc_perm`. */
export interface IpcOwned {
  mode: number;
  uid: number;
  gid: number;
  readonly creator: { readonly uid: number; readonly gid: number };
}

export abstract class IpcObject implements IpcOwned {
  mode: number;
  uid: number;
  gid: number;
  readonly creator: { readonly uid: number; readonly gid: number };
  isRemoved = false;
  /** Seconds. */
  changeTime = ipcNow();

  constructor(
    readonly id: number,
    readonly key: number,
    mode: number,
    { euid, egid }: Credentials,
  ) {
    this.mode = mode & ACCESS_BITS;
    this.uid = euid;
    this.gid = egid;
    this.creator = { uid: euid, gid: egid };
  }

  /** Gives everything back, and tells those who wait. */
  abstract remove(): void;

  isOwnedBy({ euid }: Credentials): boolean {
    return euid === 0 || euid === this.uid || euid === this.creator.uid;
  }

  /** Bytes that `encode` fills at the beginning of a `struct semid_ds` or `struct msqid_ds`. */
  encodeOwner(bytes: Buffer): void {
    bytes.writeInt32LE(this.key, 0);
    const { uid, gid, creator, mode } = this;
    for (const [index, value] of [uid, gid, creator.uid, creator.gid, mode].entries()) {
      bytes.writeUInt32LE(value, 4 + 4 * index);
    }
  }

  /** IPC_SET. */
  changeOwner(bytes: Buffer): void {
    this.uid = bytes.readUInt32LE(4);
    this.gid = bytes.readUInt32LE(8);
    this.mode = bytes.readUInt32LE(20) & ACCESS_BITS;
    this.changeTime = ipcNow();
  }
}

/** Whether the caller may do what the bits of `wanted` say. */
export function mayUse(object: IpcOwned, wanted: number, credentials: Credentials): boolean {
  const { euid, egid, groups } = credentials;
  const owner = object.creator.uid === euid ? euid : object.uid;
  const node = { mode: object.mode, uid: owner, gid: object.gid };
  return mayAccessAs(node, euid, egid, groups, wanted);
}

export class IpcTable<T extends IpcObject> {
  readonly #byId = new Map<number, T>();
  #lastId = -1;

  constructor(readonly kernelMemory: KernelMemory) {}

  get(id: number): T | undefined {
    return this.#byId.get(id);
  }

  get all(): readonly T[] {
    return [...this.#byId.values()];
  }

  /** What IPC_INFO and the like give: the highest index in use. */
  get lastIndex(): number {
    return Math.max(this.#byId.size - 1, 0);
  }

  /** semget(2), msgget(2): the object of a key, found or made; or -errno. */
  open(
    key: number,
    flags: number,
    credentials: Credentials,
    size: number,
    make: (id: number) => T,
  ): T | number {
    const found = key === NO_KEY ? undefined : this.all.find((object) => object.key === key);
    if (found !== undefined) {
      if ((flags & IPC_CREAT) !== 0 && (flags & IPC_EXCL) !== 0) return -Errno.EEXIST;
      const wanted = ((flags >> 6) | (flags >> 3) | flags) & (READ | WRITE);
      return mayUse(found, wanted, credentials) ? found : -Errno.EACCES;
    }
    if (key !== NO_KEY && (flags & IPC_CREAT) === 0) return -Errno.ENOENT;
    if (this.#byId.size >= MOST_OBJECTS) return -Errno.ENOSPC;
    if (!this.kernelMemory.take(OBJECT_SIZE + size)) return -Errno.ENOMEM;
    do {
      this.#lastId = (this.#lastId + 1) % (PLACES * PLACES);
    } while (this.#byId.has(this.#lastId));
    const object = make(this.#lastId);
    this.#byId.set(object.id, object);
    return object;
  }

  /** IPC_RMID. */
  remove(object: T, size: number): void {
    this.#byId.delete(object.id);
    this.kernelMemory.give(OBJECT_SIZE + size);
    object.isRemoved = true;
    object.remove();
  }
}

export function ipcNow(): number {
  return Math.floor(Date.now() / 1000);
}

/** A segment of System V shared memory, shmget(2): pages that stay until it is removed and nobody has it attached. */
import type { FileRange } from '../../platform/file-range.js';
import type { GuestMemory } from '../guest.js';
import { AnonymousFile } from '../mm/anonymous-file.js';
import type { Mappable, MappedFile, MappingObserver } from '../mm/mappable.js';
import type { Credentials } from '../task/credentials.js';
import { ACCESS_BITS, NO_KEY } from './ipc-table.js';

/** Bits of `shm_perm.mode` beside those of access. */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

export class SharedSegment implements Mappable {
  readonly #pages: MappedFile;
  /** Attachments, as Linux counts them: each mapping is one. */
  attachments = 0;
  mode: number;
  uid: number;
  gid: number;
  readonly creator: { readonly uid: number; readonly gid: number; readonly pid: number };
  lastPid = 0;
  /** Seconds. */
  attachTime = 0;
  detachTime = 0;
  changeTime = now();

  constructor(
    memory: GuestMemory,
    readonly id: number,
    public key: number,
    /** As asked for; pages are whole. */
    readonly size: number,
    length: number,
    mode: number,
    { euid, egid }: Credentials,
    pid: number,
    readonly onUnused: (segment: SharedSegment) => void,
  ) {
    this.#pages = AnonymousFile.create(memory, length);
    // Its own hold on the pages.
    this.#pages.mappable.attach?.(HOLDER);
    this.mode = mode & ACCESS_BITS;
    this.uid = euid;
    this.gid = egid;
    this.creator = { uid: euid, gid: egid, pid };
  }

  get isRemoved(): boolean {
    return (this.mode & SHM_DEST) !== 0;
  }

  /** What shmat(2) maps. */
  mapping(writable: boolean): MappedFile {
    const key = (this.key >>> 0).toString(16).padStart(8, '0');
    const name = `/SYSV${key} (deleted)`;
    return { ...this.#pages, mappable: this, name, inode: this.id, writable };
  }

  /** IPC_RMID: gone as soon as nobody has it. */
  remove(): void {
    this.mode |= SHM_DEST;
    this.key = NO_KEY;
    if (this.attachments === 0) this.#drop();
  }

  pageAt(offset: number, maxLength: number, write: boolean): FileRange | undefined | number {
    return this.#pages.mappable.pageAt(offset, maxLength, write);
  }

  removePages(start: number, end: number): number {
    return this.#pages.mappable.removePages?.(start, end) ?? 0;
  }

  attach(observer: MappingObserver): void {
    this.#pages.mappable.attach?.(observer);
    this.attachments++;
    this.attachTime = now();
  }

  detach(observer: MappingObserver): void {
    this.#pages.mappable.detach?.(observer);
    this.attachments--;
    this.detachTime = now();
    if (this.attachments === 0 && this.isRemoved) this.#drop();
  }

  #drop(): void {
    this.#pages.mappable.detach?.(HOLDER);
    this.onUnused(this);
  }
}

const HOLDER: MappingObserver = {
  fileStart: 0,
  fileEnd: 0,
  sharedWritable: false,
  invalidate: () => undefined,
};

function now(): number {
  return Math.floor(Date.now() / 1000);
}

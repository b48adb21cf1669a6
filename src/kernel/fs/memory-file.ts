/** A file in memory without a name, memfd_create(2). */
import { Errno } from '../abi/errno.js';
import { FsMagic } from '../abi/statfs.js';
import { O, Seal } from '../abi/fcntl.js';
import { Mode } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import type { MappedFile } from '../mm/mappable.js';
import type { Credentials } from '../task/credentials.js';
import { SHARED_MEMORY_DEVICE } from './device-numbers.js';
import type { AttributeChange } from './inode.js';
import { MemoryFile } from './memory-inode.js';
import type { OpenFile } from './open-file.js';
import { RegularFile } from './regular-file.js';
import { Tmpfs } from './tmpfs.js';

/** All that there are. */
const SEALS = 0x3f;
const WRITE_SEALS = Seal.WRITE | Seal.FUTURE_WRITE;
const EXECUTE = 0o111;

/** A file that can be kept from changing, fcntl(2) with F_ADD_SEALS. */
class SealableInode extends MemoryFile {
  seals: number = Seal.SEAL;

  addSeals(seals: number): number {
    if (seals & ~SEALS) {
      return -Errno.EINVAL;
    }
    if (this.seals & Seal.SEAL) {
      return -Errno.EPERM;
    }
    if (seals & Seal.WRITE && (this.seals & Seal.WRITE) === 0 && this.data.hasSharedWriter) {
      return -Errno.EBUSY;
    }
    // What can never become executable, or cease to be, cannot be written either if it is.
    const executable = (seals & Seal.EXEC) !== 0 && (this.mode & EXECUTE) !== 0;
    this.seals |= seals | (executable ? Seal.SHRINK | Seal.GROW | WRITE_SEALS : 0);
    return 0;
  }

  override truncate(size: number): number {
    const shrinks = size < this.size && (this.seals & Seal.SHRINK) !== 0;
    const grows = size > this.size && (this.seals & Seal.GROW) !== 0;
    return shrinks || grows ? -Errno.EPERM : super.truncate(size);
  }

  protected override punchHole(offset: number, length: number): number {
    return this.seals & WRITE_SEALS ? -Errno.EPERM : super.punchHole(offset, length);
  }

  override setAttributes(change: AttributeChange): number {
    const { mode } = change;
    const changes = mode !== undefined && ((mode ^ this.mode) & EXECUTE) !== 0;
    return changes && this.seals & Seal.EXEC ? -Errno.EPERM : super.setAttributes(change);
  }

  protected override store(src: Uint8Array, offset: number): number {
    const grows = offset + src.length > this.size && (this.seals & Seal.GROW) !== 0;
    return grows || this.seals & WRITE_SEALS ? -Errno.EPERM : super.store(src, offset);
  }
}

class NamelessFile extends RegularFile {
  readonly #name: string;
  readonly #inode: SealableInode;

  constructor(inode: SealableInode, name: string, flags: number) {
    super(flags | O.LARGEFILE, undefined, inode);
    this.#name = name;
    this.#inode = inode;
  }

  override get seals(): number {
    return this.#inode.seals;
  }

  override addSeals(seals: number): number {
    return this.writable ? this.#inode.addSeals(seals) : -Errno.EPERM;
  }

  override again(flags: number): OpenFile | number {
    const writes = (flags & O.ACCMODE) !== O.RDONLY;
    if (writes && this.#inode.isExecuted) {
      return -Errno.ETXTBSY;
    }
    const error = this.#inode.opened(writes);
    return error < 0 ? error : new NamelessFile(this.#inode, this.#name, flags);
  }

  override mapping(): MappedFile | number {
    const mapping = super.mapping();
    const sealed = (this.#inode.seals & WRITE_SEALS) !== 0;
    return typeof mapping === 'number' || !sealed ? mapping : { ...mapping, writable: false };
  }

  override describe(): string {
    return `/memfd:${this.#name} (deleted)`;
  }
}

/** One file system for all of a sandbox, made with its first file. */
const systems = new WeakMap<GuestMemory, Tmpfs>();

/** -ENOMEM where there may be no more of them. */
export function createMemoryFile(
  memory: GuestMemory,
  name: string,
  credentials: Credentials,
  how: { readonly sealable: boolean; readonly executable: boolean },
): RegularFile | number {
  let fs = systems.get(memory);
  if (fs === undefined) {
    fs = new Tmpfs(memory, SHARED_MEMORY_DEVICE, { magic: FsMagic.Tmpfs });
    systems.set(memory, fs);
  }
  const { fsuid, fsgid } = credentials;
  if (!fs.store.take()) {
    return -Errno.ENOMEM;
  }
  const mode = Mode.S_IFREG | (how.executable ? 0o777 : 0o666);
  const inode = new SealableInode(fs.store, { mode, uid: fsuid, gid: fsgid });
  if (how.sealable) {
    inode.seals = how.executable ? 0 : Seal.EXEC;
  }
  // No name leads to it: its pages go with the last descriptor and mapping.
  inode.record.nlink = 0;
  inode.opened(true);
  return new NamelessFile(inode, name, O.RDWR);
}

/** What /proc is made of: directories, files and links whose contents are made when they are looked at. */
import { DirentList, direntType } from '../../abi/dirent.js';
import { Errno } from '../../abi/errno.js';
import { Whence } from '../../abi/fcntl.js';
import { Mode, STATX_BASIC_STATS, type StatRecord } from '../../abi/stat.js';
import type { Caller } from '../caller.js';
import type { Dentry } from '../dentry.js';
import { DirectoryFile } from '../directory-file.js';
import { FileSystem } from '../file-system.js';
import { Inode, type MagicTarget } from '../inode.js';
import type { Location } from '../location.js';
import { KernelMemory } from '../kernel-memory.js';
import { OpenFile } from '../open-file.js';
import { now } from '../time-stamp.js';
import type { Process } from '../../task/process.js';

/** Who owns an entry. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const ROOT: Owner = { uid: 0, gid: 0 };

const BLOCK_SIZE = 1024;
/** Bytes that one write may have. */
const MAX_WRITE = 4096;

/** A number for a path: the same whenever it is asked for (FNV-1a). */
function inodeNumber(path: string): bigint {
  let hash = 0x811c9dc5;
  for (let at = 0; at < path.length; at++) {
    hash = Math.imul(hash ^ path.charCodeAt(at), 0x01000193);
  }
  return BigInt(hash >>> 0) + 1n;
}

/** A file system whose objects are made when they are looked at, and no sooner. */
export abstract class GeneratedFs extends FileSystem {
  /** `st_dev` */
  abstract readonly device: number;

  override revalidate(): boolean {
    return false;
  }
}

abstract class ProcInode extends Inode {
  constructor(
    override readonly fs: GeneratedFs,
    /** Path beneath /proc, which gives it a number. */
    readonly path: string,
    override readonly mode: number,
    readonly owner: Owner,
  ) {
    super();
  }

  override get uid(): number {
    return this.owner.uid;
  }
  override get gid(): number {
    return this.owner.gid;
  }

  override stat(out: StatRecord): number {
    const time = now();
    out.bytes.fill(0);
    out.mask = STATX_BASIC_STATS;
    out.blockSize = BLOCK_SIZE;
    out.mode = this.mode;
    out.nlink = this.isDirectory ? 2 : 1;
    out.uid = this.uid;
    out.gid = this.gid;
    out.inode = inodeNumber(this.path);
    out.device = this.fs.device;
    for (const field of ['atime', 'ctime', 'mtime'] as const) {
      out.setTime(field, time);
    }
    return 0;
  }

  override setAttributes(): number {
    return -Errno.EPERM;
  }

  override make(): number {
    return -Errno.ENOENT;
  }
}

/** Gives an entry of a directory; `undefined` where there is none. */
export type EntryFactory = (path: string, caller: Caller) => Inode | undefined;

/** A directory with names that are known, and perhaps others that come and go. */
export class ProcDirectory extends ProcInode {
  constructor(
    fs: GeneratedFs,
    path: string,
    owner: Owner,
    readonly entries: ReadonlyMap<string, EntryFactory>,
    /** Names that come and go, and what they stand for. */
    readonly changing?: {
      names(caller: Caller): Iterable<string>;
      find(name: string, path: string, caller: Caller): Inode | undefined;
    },
    permissions = 0o555,
    /** The directory of a process: who it is. */
    readonly process?: Process,
  ) {
    super(fs, path, Mode.S_IFDIR | permissions, owner);
  }

  override open(location: Location, flags: number): OpenFile | number {
    return new DirectoryFile(flags, location);
  }

  override lookup(_directory: Dentry, name: string, caller: Caller): Inode | number {
    const path = `${this.path}/${name}`;
    const found = this.entries.get(name)?.(path, caller) ?? this.changing?.find(name, path, caller);
    return found ?? -Errno.ENOENT;
  }

  override readDirectory(directory: Dentry, caller: Caller): Uint8Array | number {
    const list = new DirentList();
    list.append(inodeNumber(this.path), direntType(Mode.S_IFDIR), '.');
    list.append(inodeNumber(this.path), direntType(Mode.S_IFDIR), '..');
    const names = [...this.entries.keys(), ...(this.changing?.names(caller) ?? [])];
    for (const name of names) {
      const inode = this.lookup(directory, name, caller);
      if (typeof inode !== 'number') {
        list.append(inodeNumber(`${this.path}/${name}`), direntType(inode.mode), name);
      }
    }
    return list.bytes;
  }

  override isEmpty(): boolean {
    return false;
  }
}

/** Makes the contents, in Latin-1 characters for bytes; a negative errno where they cannot be read. */
export type Content = (caller: Caller) => string | number;

/** Takes what is written, as one text; 0 or -errno. */
export type Accept = (text: string, caller: Caller) => number;

/** A file to read, and perhaps to write. */
export class ProcFile extends ProcInode {
  readonly #content: Content;
  readonly #accept: Accept;

  constructor(
    fs: GeneratedFs,
    path: string,
    owner: Owner,
    content: Content,
    permissions = 0o444,
    accept: Accept = () => -Errno.EACCES,
  ) {
    super(fs, path, Mode.S_IFREG | permissions, owner);
    this.#content = content;
    this.#accept = accept;
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    const kernelMemory = caller.kernel && KernelMemory.of(caller.kernel.memory);
    const make = (): string | number => this.#content(caller);
    const accept = (text: string): number => this.#accept(text, caller);
    return new ProcOpenFile(flags, location, make, accept, kernelMemory);
  }

  override truncate(): number {
    return 0;
  }
}

/** The contents are made at the first read, and again after a seek to the start. */
class ProcOpenFile extends OpenFile {
  readonly #make: () => string | number;
  #bytes: Uint8Array | undefined;

  constructor(
    flags: number,
    location: Location,
    make: () => string | number,
    readonly accept: (text: string) => number,
    readonly kernelMemory: KernelMemory | undefined,
  ) {
    super(flags, location);
    this.#make = make;
  }

  override get seekable(): boolean {
    return true;
  }

  override stat(out: StatRecord): number {
    return this.inode?.stat(out) ?? -Errno.EBADF;
  }

  override read(dst: Uint8Array): number {
    if (this.position === 0) {
      this.#forget();
    }
    const count = this.pread(dst, this.position);
    if (count > 0) {
      this.position += count;
    }
    return count;
  }

  override pread(dst: Uint8Array, offset: number): number {
    if (this.#bytes === undefined) {
      const content = this.#make();
      if (typeof content === 'number') {
        return content;
      }
      if (this.kernelMemory?.take(content.length) === false) {
        return -Errno.ENOMEM;
      }
      this.#bytes = Buffer.from(content, 'latin1');
    }
    const part = this.#bytes.subarray(offset, offset + dst.length);
    dst.set(part);
    return part.length;
  }

  #forget(): void {
    this.kernelMemory?.give(this.#bytes?.length ?? 0);
    this.#bytes = undefined;
  }

  protected override onClose(): void {
    this.#forget();
  }

  override unread(bytes: Uint8Array): void {
    this.position -= bytes.length;
  }

  override write(src: Uint8Array): number {
    if (src.length > MAX_WRITE) {
      return -Errno.EINVAL;
    }
    const error = this.accept(Buffer.from(src).toString('latin1'));
    return error < 0 ? error : src.length;
  }

  override pwrite(src: Uint8Array): number {
    return this.write(src);
  }

  override seek(offset: number, whence: number): number {
    const target = whence === Whence.CUR ? this.position + offset : offset;
    if (whence > Whence.CUR || target < 0) {
      return -Errno.EINVAL;
    }
    this.position = target;
    return target;
  }
}

/** A symbolic link; a magic one leads to an object, whatever its text says. */
export class ProcLink extends ProcInode {
  readonly #text: Content;
  readonly #follow: ((caller: Caller) => MagicTarget) | undefined;

  constructor(
    fs: GeneratedFs,
    path: string,
    owner: Owner,
    text: Content,
    follow?: (caller: Caller) => MagicTarget,
    permissions = 0o777,
  ) {
    super(fs, path, Mode.S_IFLNK | permissions, owner);
    this.#text = text;
    this.#follow = follow;
  }

  override open(): OpenFile | number {
    return -Errno.ELOOP;
  }

  override readLink(caller: Caller): string | number {
    return this.#text(caller);
  }

  override followMagic(caller: Caller): MagicTarget | undefined {
    return this.#follow?.(caller);
  }
}

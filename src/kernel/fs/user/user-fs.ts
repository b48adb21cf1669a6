/** Mounts a file system that the user of the library has written. */
import { createHash } from 'node:crypto';
import { Errno } from '../../abi/errno.js';
import { NAME_MAX, PATH_MAX } from '../../abi/fcntl.js';
import { DirentList } from '../../abi/dirent.js';
import { Mode, STATX_BASIC_STATS, STATX_MNT_ID, type StatRecord } from '../../abi/stat.js';
import { FsMagic } from '../../abi/statfs.js';
import type { GuestMemory } from '../../guest.js';
import type { Dentry } from '../dentry.js';
import { emptyStatfs, FileSystem } from '../file-system.js';
import { DirectoryFile } from '../directory-file.js';
import { Inode } from '../inode.js';
import type { Location } from '../location.js';
import type { OpenFile } from '../open-file.js';
import { ask, isPromise } from './answers.js';
import type { UserFileSystem, UserStat } from './user-file-system.js';
import { UserFile } from './user-file.js';

const DT_UNKNOWN = 0;
const DT_DIRECTORY = 4;
const PERMISSIONS = 0o7777;
const TYPES = { file: Mode.S_IFREG, directory: Mode.S_IFDIR, symlink: Mode.S_IFLNK } as const;
const DEFAULT_PERMISSIONS = { file: 0o444, directory: 0o555, symlink: 0o777 } as const;

/** What is known of an object, checked. */
export interface UserAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
}

export interface UserObject extends Inode {
  readonly path: string;
  /** As of the last look. */
  attributes: UserAttributes;
}

export class UserFs extends FileSystem {
  override readonly type = 'fuse';
  override readonly root: UserDirectory;
  /** Questions for metadata that are not answered yet: who asks the same meanwhile waits with them. */
  readonly #looks = new Map<string, PromiseLike<UserAttributes>>();

  constructor(
    readonly files: UserFileSystem,
    readonly memory: GuestMemory,
    /** `st_dev` */
    readonly device: number,
    readonly onDefect: (message: string, error?: unknown) => void,
  ) {
    super();
    this.root = new UserDirectory(this, '/', checkedStat({ type: 'directory' }));
  }

  override statfs(_inode: Inode, out: Uint8Array): number {
    return emptyStatfs(FsMagic.Fuse, out);
  }

  /** Every call that comes by a name asks anew. Where that takes its time, `lookup` says so. */
  override revalidate({ inode }: Dentry): boolean {
    if (!isUserObject(inode)) return false;
    const found = this.#look(inode.path);
    if (typeof found === 'number' || (found.mode & Mode.S_IFMT) !== inode.type) return false;
    inode.attributes = found;
    return true;
  }

  #look(path: string): UserAttributes | number {
    return this.ask('stat', path, () => {
      const known = this.#looks.get(path);
      if (known !== undefined) return known;
      const answer = mapAnswer(this.files.stat(path), checkedStat);
      if (isPromise(answer)) {
        this.#looks.set(path, answer);
        const done = (): void => void this.#looks.delete(path);
        answer.then(done, done);
      }
      return answer;
    });
  }

  ask<T>(
    name: 'stat' | 'readdir' | 'readlink' | 'read',
    path: string,
    question: () => T | PromiseLike<T>,
    hold?: () => () => void,
  ): T | number {
    const key = `${String(this.device)} ${name} ${path}`;
    return ask(key, question, (error) => this.#errno(`${name} ${path}`, error), hold);
  }

  #errno(question: string, error: unknown): number {
    const code: unknown =
      typeof error === 'object' && error !== null && 'code' in error && error.code;
    const errno = typeof code === 'string' ? (Errno as Record<string, number>)[code] : undefined;
    if (errno !== undefined) return -errno;
    this.onDefect(`a file system of the user's failed: ${question}`, error);
    return -Errno.EIO;
  }

  /** The object at `path`; `before` where that is what it was. */
  find(path: string, before: Inode | undefined): Inode | number {
    const found = this.#look(path);
    if (typeof found === 'number') return found;
    const type = found.mode & Mode.S_IFMT;
    if (isUserObject(before) && before.fs === this && before.type === type) {
      before.attributes = found;
      return before;
    }
    if (type === Mode.S_IFDIR) return new UserDirectory(this, path, found);
    return type === Mode.S_IFREG
      ? new UserFile(this, path, found)
      : new UserSymlink(this, path, found);
  }

  fill(out: StatRecord, path: string, attributes: UserAttributes, size: number): number {
    out.bytes.fill(0);
    out.mask = STATX_BASIC_STATS | STATX_MNT_ID;
    out.blockSize = 4096;
    out.mode = attributes.mode;
    out.uid = attributes.uid;
    out.gid = attributes.gid;
    out.inode = inodeNumber(path);
    out.device = this.device;
    out.nlink = (attributes.mode & Mode.S_IFMT) === Mode.S_IFDIR ? 2 : 1;
    out.size = size;
    out.blocks = Math.ceil(size / 512);
    for (const field of ['atime', 'btime', 'ctime', 'mtime'] as const) {
      out.setTime(field, { seconds: attributes.seconds, nanoseconds: 0 });
    }
    return 0;
  }
}

function isUserObject(inode: Inode | undefined): inode is UserObject {
  return inode !== undefined && 'attributes' in inode;
}

export function mapAnswer<T, U>(
  answer: T | PromiseLike<T>,
  map: (value: T) => U,
): U | PromiseLike<U> {
  return typeof answer === 'object' && answer !== null && 'then' in answer
    ? answer.then(map)
    : map(answer);
}

/** One that stays the same for a path, below 2^52. */
function inodeNumber(path: string): bigint {
  return createHash('sha1').update(path).digest().readBigUInt64LE() >> 12n;
}

function checkedStat(stat: UserStat): UserAttributes {
  const { type, size = 0, uid = 0, gid = 0, mtime } = stat;
  const isType = Object.hasOwn(TYPES, type);
  const numbers = [size, uid, gid, stat.mode ?? 0];
  const areNumbers = numbers.every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!isType || !areNumbers) throw new TypeError(`no metadata: ${JSON.stringify(stat)}`);
  const permissions = (stat.mode ?? DEFAULT_PERMISSIONS[type]) & PERMISSIONS;
  const seconds = Math.floor((mtime?.getTime() ?? 0) / 1000);
  if (!Number.isSafeInteger(seconds)) throw new TypeError('mtime is no date');
  return { mode: TYPES[type] | permissions, uid, gid, size, seconds };
}

/** The kernel's names hold a byte in each character; undefined for what is no text. */
function nameForUser(name: string): string | undefined {
  const bytes = Buffer.from(name, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

function checkedNames(names: readonly string[]): string[] {
  return [...names].map((name) => {
    const bytes = Buffer.from(name, 'utf8');
    const isName = bytes.length > 0 && bytes.length <= NAME_MAX && !/[/\0]/.test(name);
    if (!isName || name === '.' || name === '..') {
      throw new TypeError(`no name of a file: ${JSON.stringify(name)}`);
    }
    return bytes.toString('latin1');
  });
}

abstract class UserInode extends Inode implements UserObject {
  constructor(
    override readonly fs: UserFs,
    readonly path: string,
    public attributes: UserAttributes,
  ) {
    super();
  }

  override get mode(): number {
    return this.attributes.mode;
  }
  override get uid(): number {
    return this.attributes.uid;
  }
  override get gid(): number {
    return this.attributes.gid;
  }

  override stat(out: StatRecord): number {
    return this.fs.fill(out, this.path, this.attributes, this.attributes.size);
  }

  override setAttributes(): number {
    return -Errno.EROFS;
  }
}

class UserDirectory extends UserInode {
  override open(location: Location, flags: number): OpenFile {
    return new DirectoryFile(flags, location);
  }

  override lookup(directory: Dentry, name: string): Inode | number {
    const text = nameForUser(name);
    return text === undefined
      ? -Errno.ENOENT
      : this.fs.find(this.#below(text), directory.child(name)?.inode);
  }

  #below(name: string): string {
    return this.path === '/' ? `/${name}` : `${this.path}/${name}`;
  }

  override readDirectory(): Uint8Array | number {
    const names = this.#names();
    if (typeof names === 'number') return names;
    const list = new DirentList();
    list.append(inodeNumber(this.path), DT_DIRECTORY, '.');
    list.append(inodeNumber(this.path.replace(/\/[^/]*$/, '') || '/'), DT_DIRECTORY, '..');
    for (const name of names) {
      list.append(inodeNumber(this.#below(nameForUser(name) ?? name)), DT_UNKNOWN, name);
    }
    return list.bytes;
  }

  override isEmpty(): boolean | number {
    const names = this.#names();
    return typeof names === 'number' ? names : names.length === 0;
  }

  #names(): string[] | number {
    const { files } = this.fs;
    return this.fs.ask('readdir', this.path, () =>
      mapAnswer(files.readdir(this.path), checkedNames),
    );
  }
}

class UserSymlink extends UserInode {
  override open(): number {
    return -Errno.ELOOP;
  }

  override readLink(): string | number {
    const { files } = this.fs;
    return this.fs.ask('readlink', this.path, () => {
      if (files.readlink === undefined) throw new TypeError('there is no readlink');
      return mapAnswer(files.readlink(this.path), checkedTarget);
    });
  }
}

function checkedTarget(target: string): string {
  const bytes = Buffer.from(target, 'utf8');
  if (bytes.length === 0 || bytes.length >= PATH_MAX || bytes.includes(0)) {
    throw new TypeError(`no target of a link: ${JSON.stringify(target)}`);
  }
  return bytes.toString('latin1');
}

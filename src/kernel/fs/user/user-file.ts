/** A file of the user's: read whole as it is opened. */
import { MemoryKind } from '../../../platform/contract.js';
import { Errno, errnoName } from '../../abi/errno.js';
import type { StatRecord } from '../../abi/stat.js';
import { FileData } from '../file-data.js';
import { RegularInode } from '../regular-inode.js';
import { isPromise } from './answers.js';
import type { UserAttributes, UserFs, UserObject } from './user-fs.js';

/** Bytes that are asked for at a time. */
const CHUNK = 1024 ** 2;

let lastGeneration = 0;

export class UserFile extends RegularInode implements UserObject {
  readonly data: FileData;
  #isLoaded = false;
  /** Under way, for all who wait for it. */
  #loading: PromiseLike<true> | undefined;
  /** Another one once the contents are given back: what is still on its way then comes too late. */
  #generation = ++lastGeneration;
  /** Calls that will open it once they have all that they need. */
  #holds = 0;

  constructor(
    override readonly fs: UserFs,
    readonly path: string,
    public attributes: UserAttributes,
  ) {
    super();
    this.data = new FileData(fs.memory, MemoryKind.PageCache);
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

  override get size(): number {
    return this.#isLoaded ? this.data.size : this.attributes.size;
  }

  override stat(out: StatRecord): number {
    return this.fs.fill(out, this.path, this.attributes, this.size);
  }

  override setAttributes(): number {
    return -Errno.EROFS;
  }

  override readAt(dst: Uint8Array, offset: number): number {
    return this.data.read(dst, offset);
  }

  protected override store(): number {
    return -Errno.EROFS;
  }

  protected override prepare(write: boolean): number {
    if (write) return -Errno.EROFS;
    if (this.#isLoaded) return 0;
    const loaded = this.fs.ask(
      'read',
      `${this.path} ${String(this.#generation)}`,
      () => this.#load(),
      () => this.#hold(),
    );
    return typeof loaded === 'number' ? loaded : 0;
  }

  #hold(): () => void {
    this.#holds++;
    return () => {
      this.#holds--;
      if (!this.inUse) this.idle();
    };
  }

  protected override idle(): void {
    if (this.#holds > 0) return;
    this.#isLoaded = false;
    this.#loading = undefined;
    this.#generation = ++lastGeneration;
    this.data.truncate(0);
  }

  #load(): true | PromiseLike<true> {
    if (this.#loading !== undefined) return this.#loading;
    let loading: true | PromiseLike<true>;
    try {
      loading = this.#read(0, this.#generation);
    } catch (error) {
      this.data.truncate(0);
      throw error;
    }
    if (isPromise(loading)) this.#loading = loading;
    return loading;
  }

  #read(from: number, generation: number): true | PromiseLike<true> {
    for (let offset = from; ;) {
      const part = this.fs.files.read(this.path, offset, CHUNK);
      if (isPromise(part)) {
        const at = offset;
        return part.then((bytes) =>
          this.#take(bytes, at, generation) ? true : this.#read(at + bytes.length, generation),
        );
      }
      if (this.#take(part, offset, generation)) return true;
      offset += part.length;
    }
  }

  /** True at the end of the file. */
  #take(bytes: Uint8Array, offset: number, generation: number): boolean {
    if (generation !== this.#generation) throw withCode(Errno.EINTR);
    if (!(bytes instanceof Uint8Array) || bytes.length > CHUNK) {
      throw new TypeError(`no bytes of ${this.path}, or more than were asked for`);
    }
    if (bytes.length === 0) {
      this.#isLoaded = true;
      this.#loading = undefined;
      return true;
    }
    const count = this.data.write(bytes, offset);
    if (count < 0) throw withCode(count === -Errno.ENOSPC ? Errno.ENOMEM : -count);
    return false;
  }
}

function withCode(errno: number): Error {
  return Object.assign(new Error('the file was not read'), { code: errnoName.get(errno) ?? 'EIO' });
}

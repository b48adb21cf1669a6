/** A file in memory without a name, memfd_create(2). */
import { Errno } from '../abi/errno.js';
import { FsMagic } from '../abi/statfs.js';
import { O } from '../abi/fcntl.js';
import { Mode } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import type { Credentials } from '../task/credentials.js';
import { SHARED_MEMORY_DEVICE } from './device-numbers.js';
import { MemoryFile } from './memory-inode.js';
import { RegularFile } from './regular-file.js';
import { Tmpfs } from './tmpfs.js';

class NamelessFile extends RegularFile {
  readonly #name: string;

  constructor(inode: MemoryFile, name: string) {
    super(O.RDWR | O.LARGEFILE, undefined, inode);
    this.#name = name;
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
  const inode = new MemoryFile(fs.store, { mode: Mode.S_IFREG | 0o777, uid: fsuid, gid: fsgid });
  // No name leads to it: its pages go with the last descriptor and mapping.
  inode.record.nlink = 0;
  inode.opened(true);
  return new NamelessFile(inode, name);
}

/**
 * A directory of the host's, never changed, with what the guest changes in memory above it: names added and
 * hidden, contents and metadata replaced. The changes are lost with the sandbox.
 */
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { DirentList, readDirents } from '../abi/dirent.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import type { Caller } from './caller.js';
import type { Dentry } from './dentry.js';
import { FileSystem } from './file-system.js';
import { beneath, HostRoot } from './host-root.js';
import { type AttributeChange, Inode } from './inode.js';
import type { Location } from './location.js';
import { LowerFile } from './lower-file.js';
import { LowerObject } from './lower-object.js';
import { appendChild, appendDots, TreeDirectory } from './memory-directory.js';
import { addLink } from './memory-inode.js';
import { MemoryStore } from './memory-store.js';
import type { OpenFile } from './open-file.js';
import { openSpecial } from './special-file.js';
import type { Xattrs } from './xattrs.js';

/** Inode numbers of new objects: beyond those that host file systems give out. */
const FIRST_NEW_INODE = 1n << 44n;

export class OverlayFs extends FileSystem {
  override readonly type = 'overlay';
  override readonly root: LowerDirectory;
  readonly host: HostRoot;
  readonly store: MemoryStore;

  /** @throws {HostDirectoryError} */
  constructor(
    readonly memory: GuestMemory,
    hostPath: string,
  ) {
    super();
    this.host = new HostRoot(hostPath, true);
    this.host.look('');
    this.store = new MemoryStore(this, memory, this.host.found.device, FIRST_NEW_INODE);
    this.root = new LowerDirectory(this, new LowerObject(this.host, '', this.host.found));
  }

  /** The host's object at `path`, as of `found`. */
  inodeFor(path: string, found: StatRecord): Inode {
    const object = new LowerObject(this.host, path, found);
    switch (found.mode & Mode.S_IFMT) {
      case Mode.S_IFDIR:
        return new LowerDirectory(this, object);
      case Mode.S_IFREG:
        return new LowerFile(this, object, this.memory);
      default:
        return new LowerNode(this, object);
    }
  }

  override statfs(inode: Inode, out: Uint8Array): number {
    const path = 'object' in inode ? (inode.object as LowerObject).path : '';
    return hostFiles.statfsBeneath(this.host.fd, path, out);
  }

  override dispose(): void {
    this.host.close();
  }
}

/** A host directory with the guest's changes: entries in the tree hide the host's. */
export class LowerDirectory extends TreeDirectory {
  constructor(
    readonly overlay: OverlayFs,
    readonly object: LowerObject,
  ) {
    super();
  }

  override get store(): MemoryStore {
    return this.overlay.store;
  }
  override get mode(): number {
    return this.object.mode;
  }
  override get uid(): number {
    return this.object.uid;
  }
  override get gid(): number {
    return this.object.gid;
  }

  protected override own(): StatRecord {
    return this.object.own();
  }

  override get isKept(): boolean {
    return this.object.isChanged;
  }

  override get xattrs(): Xattrs {
    return this.object.xattrs(this.store);
  }

  override stat(out: StatRecord): number {
    return this.object.stat(out);
  }

  override setAttributes(change: AttributeChange): number {
    return this.object.change(change);
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    this.overlay.host.forget();
    return super.open(location, flags, caller);
  }

  override lookup(_directory: Dentry, name: string, _caller: Caller): Inode | number {
    const path = beneath(this.object.path, name);
    const error = this.overlay.host.look(path);
    return error < 0 ? error : this.overlay.inodeFor(path, this.overlay.host.found);
  }

  /** A name the host has too must stay hidden. */
  protected override hide(directory: Dentry, name: string): void {
    if (this.overlay.host.look(beneath(this.object.path, name)) === 0) {
      directory.add(name, undefined).pin();
    } else {
      directory.drop(name);
    }
  }

  override readDirectory(directory: Dentry): Uint8Array | number {
    const { host } = this.overlay;
    const { path } = this.object;
    const list = new DirentList();
    const changed = changedIn(directory);
    const error =
      changed.size === 0 && directory.parent !== undefined
        ? host.readDirectory(path, (part) => {
            list.appendRecords(part);
          })
        : mergeDirents(list, host, path, directory, changed);
    return error < 0 ? error : list.bytes;
  }

  override isEmpty(directory: Dentry): boolean | number {
    const bytes = this.readDirectory(directory);
    if (typeof bytes === 'number') {
      return bytes;
    }
    for (const { name } of readDirents(bytes)) {
      if (name !== '.' && name !== '..') {
        return false;
      }
    }
    return true;
  }

  override dropLink(): void {
    this.object.own().nlink = 0;
    this.object.dispose();
  }
}

/** The host's records in their order, those of changed names replaced or left out, new names behind them. */
/** Entries that are not as the host has them. */
function changedIn(directory: Dentry): Map<string, Dentry> {
  const changed = new Map<string, Dentry>();
  for (const child of directory.children?.values() ?? []) {
    if (child.pinned) {
      changed.set(child.name, child);
    }
  }
  return changed;
}

function mergeDirents(
  list: DirentList,
  host: HostRoot,
  path: string,
  directory: Dentry,
  changed: Map<string, Dentry>,
): number {
  appendDots(list, directory);
  const error = host.readDirectory(path, (part) => {
    for (const { inode, type, name } of readDirents(part)) {
      const child = changed.get(name);
      if (child !== undefined) {
        appendChild(list, child);
        changed.delete(name);
      } else if (name !== '.' && name !== '..') {
        list.append(inode, type, name);
      }
    }
  });
  for (const child of changed.values()) {
    appendChild(list, child);
  }
  return error;
}

/** A symbolic link, or what is never opened: a host FIFO, socket or device node. */
export class LowerNode extends Inode {
  #target: string | undefined;
  /** Names that lead to this object. */
  #names = 1;

  constructor(
    override readonly fs: OverlayFs,
    readonly object: LowerObject,
  ) {
    super();
  }

  override get mode(): number {
    return this.object.mode;
  }
  override get uid(): number {
    return this.object.uid;
  }
  override get gid(): number {
    return this.object.gid;
  }

  override get isKept(): boolean {
    return this.object.isChanged;
  }

  override get xattrs(): Xattrs {
    return this.object.xattrs(this.fs.store);
  }

  override stat(out: StatRecord): number {
    return this.object.stat(out);
  }

  override setAttributes(change: AttributeChange): number {
    return this.object.change(change);
  }

  override readLink(): string | number {
    if (this.type !== Mode.S_IFLNK) {
      return -Errno.EINVAL;
    }
    if (this.#target === undefined) {
      const target = this.fs.host.readLink(this.object.path);
      if (typeof target === 'number') {
        return target;
      }
      this.#target = target;
    }
    return this.#target;
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    return openSpecial(this, location, flags, caller);
  }

  override addLink(): number {
    const error = addLink(this.object.own(), this.fs.store);
    this.#names += error === 0 ? 1 : 0;
    return error;
  }

  override dropLink(): void {
    const record = this.object.own();
    record.nlink = Math.max(0, record.nlink - 1);
    if (--this.#names > 0) {
      this.fs.store.giveName();
    }
  }
}

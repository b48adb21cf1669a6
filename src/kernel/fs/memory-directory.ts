/** A directory whose entries are the directory tree itself, and nothing else. */
import { Errno } from '../abi/errno.js';
import { DirentList, direntType } from '../abi/dirent.js';
import { Mode, StatRecord } from '../abi/stat.js';
import { applyChange, touchContents } from './attributes.js';
import type { Caller } from './caller.js';
import type { Dentry } from './dentry.js';
import { DirectoryFile } from './directory-file.js';
import type { FileSystem } from './file-system.js';
import { type AttributeChange, Inode, type NewNode } from './inode.js';
import { MemoryFile, MemoryNode } from './memory-inode.js';
import type { MemoryStore } from './memory-store.js';
import type { Location } from './location.js';
import type { OpenFile } from './open-file.js';
import { XattrSet } from './xattr-set.js';
import type { Xattrs } from './xattrs.js';

const scratch = new StatRecord();

/** Appends `.` and `..` of the directory under `directory`. */
export function appendDots(list: DirentList, directory: Dentry): void {
  directory.inode?.stat(scratch);
  const own = scratch.inode;
  directory.parent?.inode?.stat(scratch);
  list.append(own, direntType(Mode.S_IFDIR), '.');
  list.append(directory.parent === undefined ? own : scratch.inode, direntType(Mode.S_IFDIR), '..');
}

export function appendChild(list: DirentList, child: Dentry): void {
  if (child.inode !== undefined && child.inode.stat(scratch) === 0) {
    list.append(scratch.inode, direntType(scratch.mode), child.name);
  }
}

/** Makes an object in memory; -ENOSPC where there may be no more. */
export function makeMemoryInode(store: MemoryStore, node: NewNode): Inode | number {
  if (!store.take(node.target?.length)) {
    return -Errno.ENOSPC;
  }
  switch (node.mode & Mode.S_IFMT) {
    case Mode.S_IFDIR:
      return new MemoryDirectory(store, node);
    case Mode.S_IFREG:
      return new MemoryFile(store, node);
    default:
      return new MemoryNode(store, node);
  }
}

/**
 * A directory that changes in memory: the tree below its entry holds what was added. What a subclass has besides
 * is hidden by entries without an inode.
 */
export abstract class TreeDirectory extends Inode {
  abstract readonly store: MemoryStore;

  /** Metadata of its own, to be changed. */
  protected abstract own(): StatRecord;

  override get fs(): FileSystem {
    return this.store.fs;
  }

  override setAttributes(change: AttributeChange): number {
    applyChange(this.own(), change);
    return 0;
  }

  override open(location: Location, flags: number, _caller: Caller): OpenFile | number {
    return new DirectoryFile(flags, location);
  }

  /** Takes the name out of the directory. */
  protected hide(directory: Dentry, name: string): void {
    directory.drop(name);
  }

  override make(directory: Dentry, name: string, node: NewNode): Inode | number {
    const made = makeMemoryInode(this.store, node);
    if (typeof made !== 'number') {
      directory.add(name, made).pin();
      this.#entryAdded(made);
    }
    return made;
  }

  override makeNameless(node: NewNode): Inode | number {
    const made = makeMemoryInode(this.store, node);
    if (made instanceof MemoryFile) {
      made.record.nlink = 0;
    }
    return made;
  }

  override remove(directory: Dentry, child: Dentry): number {
    const inode = child.inode as Inode;
    inode.dropLink();
    this.hide(directory, child.name);
    this.#entryRemoved(inode);
    return 0;
  }

  override link(directory: Dentry, name: string, target: Dentry): number {
    const inode = target.inode as Inode;
    const error = inode.addLink();
    if (error === 0) {
      // The other name must not be looked up anew, as another inode.
      target.pin();
      directory.add(name, inode).pin();
      this.#entryAdded(inode);
    }
    return error;
  }

  override rename(
    directory: Dentry,
    child: Dentry,
    newDirectory: Dentry,
    newName: string,
    replaced: Dentry | undefined,
  ): number {
    const target = newDirectory.inode as TreeDirectory;
    if (replaced !== undefined) {
      target.remove(newDirectory, replaced);
    }
    const inode = child.inode as Inode;
    const { name } = child;
    child.moveTo(newDirectory, newName);
    child.pin();
    this.hide(directory, name);
    this.#entryRemoved(inode);
    target.#entryAdded(inode);
    return 0;
  }

  override exchange(first: Dentry, second: Dentry): number {
    swapEntries(first, second);
    return 0;
  }

  /** Counts a subdirectory's `..`. */
  #entryAdded(inode: Inode): void {
    const record = this.own();
    record.nlink += inode.isDirectory ? 1 : 0;
    touchContents(record);
  }

  #entryRemoved(inode: Inode): void {
    const record = this.own();
    record.nlink -= inode.isDirectory ? 1 : 0;
    touchContents(record);
  }
}

export class MemoryDirectory extends TreeDirectory {
  readonly record: StatRecord;
  readonly #xattrs: XattrSet;

  constructor(
    override readonly store: MemoryStore,
    node: NewNode,
  ) {
    super();
    this.#xattrs = new XattrSet(store);
    this.record = store.newRecord(node);
    this.record.size = 4096;
  }

  override get xattrs(): Xattrs {
    return this.#xattrs;
  }

  override get mode(): number {
    return this.record.mode;
  }
  override get uid(): number {
    return this.record.uid;
  }
  override get gid(): number {
    return this.record.gid;
  }

  protected override own(): StatRecord {
    return this.record;
  }

  override stat(out: StatRecord): number {
    out.copyFrom(this.record);
    return 0;
  }

  override lookup(_directory: Dentry, _name: string, _caller: Caller): Inode | number {
    return -Errno.ENOENT;
  }

  override readDirectory(directory: Dentry): Uint8Array | number {
    const list = new DirentList();
    appendDots(list, directory);
    for (const child of directory.children?.values() ?? []) {
      appendChild(list, child);
    }
    return list.bytes;
  }

  override isEmpty(directory: Dentry): boolean | number {
    for (const child of directory.children?.values() ?? []) {
      if (child.inode !== undefined) {
        return false;
      }
    }
    return true;
  }

  override dropLink(): void {
    this.record.nlink = 0;
    this.#xattrs.dispose();
    this.store.give();
  }
}

/** Puts each entry in the other's place. */
export function swapEntries(first: Dentry, second: Dentry): void {
  const { parent, name } = first;
  const { parent: otherParent, name: otherName } = second;
  if (parent === undefined || otherParent === undefined) {
    return;
  }
  parent.drop(name);
  otherParent.drop(otherName);
  first.moveTo(otherParent, otherName);
  second.moveTo(parent, name);
  first.pin();
  second.pin();
}

/** A bound directory. */
import { hostFiles } from '../../host/host-files.js';
import { Rename } from '../abi/fcntl.js';
import { DirentList, readDirents } from '../abi/dirent.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import type { Caller } from './caller.js';
import type { Dentry } from './dentry.js';
import { DirectoryFile } from './directory-file.js';
import { HostFile } from './host-file.js';
import type { HostBacked, HostFs, HostObject } from './host-fs.js';
import { changeHostAttributes, HostXattrs } from './host-inode.js';
import { beneath } from './host-root.js';
import { type AttributeChange, Inode, type NewNode } from './inode.js';
import type { Location } from './location.js';
import { swapEntries } from './memory-directory.js';
import type { OpenFile } from './open-file.js';
import type { Xattrs } from './xattrs.js';

const PERMISSIONS = 0o7777;

export class HostDirectory extends Inode implements HostBacked {
  constructor(
    override readonly fs: HostFs,
    readonly object: HostObject,
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

  override get xattrs(): Xattrs {
    return new HostXattrs(this.object);
  }

  override stat(out: StatRecord): number {
    return this.object.stat(out);
  }

  override setAttributes(change: AttributeChange): number {
    return changeHostAttributes(this.object, change);
  }

  override open(location: Location, flags: number, _caller: Caller): OpenFile | number {
    this.fs.host.forget();
    return new DirectoryFile(flags, location);
  }

  override lookup(_directory: Dentry, name: string, _caller: Caller): Inode | number {
    const path = beneath(this.object.path, name);
    const error = this.fs.host.look(path);
    return error < 0 ? error : this.fs.inodeFor(path, this.fs.host.found);
  }

  override readDirectory(): Uint8Array | number {
    const list = new DirentList();
    const error = this.fs.host.readDirectory(this.object.path, (part) => {
      list.appendRecords(part);
    });
    return error < 0 ? error : list.bytes;
  }

  override isEmpty(): boolean | number {
    const bytes = this.readDirectory();
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

  override make(directory: Dentry, name: string, node: NewNode): Inode | number {
    const path = beneath(this.object.path, name);
    const error = this.#makeHost(path, node);
    if (error < 0) {
      return error;
    }
    const found = this.fs.host.look(path);
    if (found < 0) {
      return found;
    }
    const inode = this.fs.inodeFor(path, this.fs.host.found);
    directory.add(name, inode);
    return inode;
  }

  #makeHost(path: string, node: NewNode): number {
    const { fd } = this.object.root;
    switch (node.mode & Mode.S_IFMT) {
      case Mode.S_IFDIR:
        return hostFiles.mkdirBeneath(fd, path, node.mode & PERMISSIONS);
      case Mode.S_IFLNK:
        return hostFiles.symlinkBeneath(node.target ?? '', fd, path);
      case Mode.S_IFREG: {
        const file = hostFiles.createBeneath(fd, path, node.mode & PERMISSIONS);
        return file < 0 ? file : hostFiles.closeFd(file);
      }
      default:
        return hostFiles.mknodBeneath(fd, path, node.mode);
    }
  }

  override makeNameless(node: NewNode): Inode | number {
    return this.fs.makeNameless(this.object.path, node.mode & PERMISSIONS);
  }

  override remove(directory: Dentry, child: Dentry): number {
    const inode = child.inode as Inode;
    const path = beneath(this.object.path, child.name);
    const error = hostFiles.unlinkBeneath(this.object.root.fd, path, inode.isDirectory ? 1 : 0);
    if (error === 0) {
      directory.drop(child.name);
    }
    return error;
  }

  override link(directory: Dentry, name: string, target: Dentry): number {
    const inode = target.inode as Inode & HostBacked;
    const { fd } = this.object.root;
    const path = beneath(this.object.path, name);
    const error =
      inode instanceof HostFile && inode.isNameless
        ? inode.giveName(path)
        : hostFiles.linkBeneath(fd, inode.object.path, fd, path);
    if (error === 0) {
      directory.drop(name);
    }
    return error;
  }

  override rename(
    _directory: Dentry,
    child: Dentry,
    newDirectory: Dentry,
    newName: string,
    replaced: Dentry | undefined,
  ): number {
    const { fd } = this.object.root;
    const target = newDirectory.inode as HostDirectory;
    const newPath = beneath(target.object.path, newName);
    // Without a known target nothing may be replaced: the host may have added one meanwhile.
    const flags = replaced === undefined ? Rename.NOREPLACE : 0;
    const path = beneath(this.object.path, child.name);
    const error = hostFiles.renameBeneath(fd, path, fd, newPath, flags);
    if (error === 0) {
      child.moveTo(newDirectory, newName);
      rebase(child);
    }
    return error;
  }

  override exchange(first: Dentry, second: Dentry): number {
    const { fd } = this.object.root;
    const path = (first.inode as Inode & HostBacked).object.path;
    const otherPath = (second.inode as Inode & HostBacked).object.path;
    const error = hostFiles.renameBeneath(fd, path, fd, otherPath, Rename.EXCHANGE);
    if (error === 0) {
      swapEntries(first, second);
      rebase(first);
      rebase(second);
    }
    return error;
  }
}

/** Makes the paths of a moved entry, and of those known below it, agree with its new place. */
function rebase(moved: Dentry): void {
  const entries = [moved];
  for (let entry = entries.pop(); entry !== undefined; entry = entries.pop()) {
    const { inode, parent } = entry;
    const above = (parent?.inode as HostDirectory).object.path;
    if (inode !== undefined) {
      (inode as Inode & HostBacked).object.path = beneath(above, entry.name);
    }
    for (const child of entry.children?.values() ?? []) {
      entries.push(child);
    }
  }
}

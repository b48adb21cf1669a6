/** A directory or file of the host's that the user bound into the guest: changes go to the host. */
import { hostFiles } from '../../host/host-files.js';
import { Errno } from '../abi/errno.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import type { GuestMemory } from '../guest.js';
import type { Dentry } from './dentry.js';
import { FileSystem } from './file-system.js';
import { FileUses } from './file-use.js';
import { HostDirectory } from './host-directory.js';
import { HostFile } from './host-file.js';
import { HostNode } from './host-node.js';
import { HostDirectoryError, HostRoot } from './host-root.js';
import type { Inode } from './inode.js';

/** An inode that stands for a host object. */
export interface HostBacked {
  readonly object: HostObject;
}

/** Where a host object is, and what it was when it was last looked at. */
export class HostObject {
  mode = 0;
  uid = 0;
  gid = 0;
  /** Identity, kept from the first look. */
  readonly inode: bigint;
  readonly type: number;

  constructor(
    readonly root: HostRoot,
    /** Path beneath the root; it follows the guest's renames. */
    public path: string,
    found: StatRecord,
  ) {
    this.inode = found.inode;
    this.type = found.mode & Mode.S_IFMT;
    this.remember(found);
  }

  remember(found: StatRecord): void {
    this.mode = found.mode;
    this.uid = found.uid;
    this.gid = found.gid;
  }

  isSame(found: StatRecord): boolean {
    return found.inode === this.inode && (found.mode & Mode.S_IFMT) === this.type;
  }

  /** `fd`: it is open under that, if not negative. */
  stat(out: StatRecord, fd = -1): number {
    const error = fd < 0 ? this.root.stat(this.path, out) : hostFiles.statFd(fd, out.bytes);
    if (error < 0) {
      return error;
    }
    if (!this.isSame(out)) {
      return -Errno.ESTALE;
    }
    this.remember(out);
    return 0;
  }
}

export class HostFs extends FileSystem {
  /** The guest sees a host directory as what it most resembles: a disk. */
  override readonly type = 'ext4';
  override readonly root: Inode;
  readonly uses = new FileUses();
  readonly host: HostRoot;

  /** @throws {HostDirectoryError} */
  constructor(
    readonly memory: GuestMemory,
    hostPath: string,
  ) {
    super();
    this.host = new HostRoot(hostPath, false);
    this.host.look('');
    this.root = this.inodeFor('', this.host.found);
    if (!this.root.isDirectory && !this.root.isRegular) {
      this.host.close();
      throw new HostDirectoryError(hostPath, Errno.ENOTDIR);
    }
  }

  inodeFor(path: string, found: StatRecord): Inode & HostBacked {
    const object = new HostObject(this.host, path, found);
    switch (object.type) {
      case Mode.S_IFDIR:
        return new HostDirectory(this, object);
      case Mode.S_IFREG:
        return new HostFile(this, object, this.memory);
      default:
        return new HostNode(this, object);
    }
  }

  /** A file that no name leads to: it is there while it is open. */
  makeNameless(directory: string, mode: number): HostFile | number {
    const fd = this.host.openNameless(directory, mode, this.host.found);
    if (fd < 0) {
      return fd;
    }
    const object = new HostObject(this.host, '', this.host.found);
    return new HostFile(this, object, this.memory, fd);
  }

  /** The host changes as it likes: every name is looked at again. */
  override revalidate(dentry: Dentry): boolean {
    const { object } = dentry.inode as Inode & HostBacked;
    const same = this.host.look(object.path) === 0 && object.isSame(this.host.found);
    if (same) {
      object.remember(this.host.found);
    } else {
      dentry.removed = true;
    }
    return same;
  }

  override statfs(inode: Inode, out: Uint8Array): number {
    return hostFiles.statfsBeneath(this.host.fd, (inode as Inode & HostBacked).object.path, out);
  }

  override dispose(): void {
    this.host.close();
  }
}

/** A file system at a place of the tree. */
import { Dentry } from './dentry.js';
import type { FileSystem } from './file-system.js';

export interface MountOptions {
  readonly readOnly?: boolean;
  readonly noExecute?: boolean;
  /** The first field of /proc/mounts. */
  readonly source?: string;
}

export class Mount {
  readonly root: Dentry;
  readonly readOnly: boolean;
  readonly noExecute: boolean;
  readonly source: string;

  constructor(
    /** Number in /proc/PID/mountinfo and statx(2). */
    readonly id: number,
    readonly fs: FileSystem,
    readonly parent: Mount | undefined,
    /** The entry in `parent` that it covers. */
    readonly mountpoint: Dentry | undefined,
    options: MountOptions,
  ) {
    this.root = new Dentry('', undefined, fs.root);
    this.root.pinned = true;
    this.readOnly = options.readOnly ?? false;
    this.noExecute = options.noExecute ?? false;
    this.source = options.source ?? fs.type;
  }

  /** Mount options as /proc/mounts shows them. */
  get options(): string {
    const access = this.readOnly ? 'ro' : 'rw';
    return this.noExecute ? `${access},nosuid,nodev,noexec,relatime` : `${access},relatime`;
  }
}

/** A bound symbolic link, or a host FIFO, socket or device node, which is never opened. */
import { Errno } from '../abi/errno.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import type { Caller } from './caller.js';
import type { HostBacked, HostFs, HostObject } from './host-fs.js';
import { changeHostAttributes, HostXattrs } from './host-inode.js';
import { type AttributeChange, Inode } from './inode.js';
import type { Location } from './location.js';
import type { OpenFile } from './open-file.js';
import { openSpecial } from './special-file.js';
import type { Xattrs } from './xattrs.js';

export class HostNode extends Inode implements HostBacked {
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

  override readLink(): string | number {
    return this.type === Mode.S_IFLNK ? this.object.root.readLink(this.object.path) : -Errno.EINVAL;
  }

  override open(location: Location, flags: number, caller: Caller): OpenFile | number {
    return openSpecial(this, location, flags, caller);
  }
}

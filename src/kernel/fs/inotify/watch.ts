/** What an inotify instance watches at one object. */
import { Inotify, WatchFlag } from '../../abi/inotify.js';
import type { Inode } from '../inode.js';
import type { Location } from '../location.js';
import type { InotifyFile } from './inotify-file.js';
import { addWatch, removeWatch } from './notify.js';

export class Watch {
  readonly inode: Inode;

  constructor(
    readonly instance: InotifyFile,
    /** The watch descriptor. */
    readonly wd: number,
    /** Events and flags of inotify_add_watch(2). */
    public mask: number,
    inode: Inode,
    readonly location: Location,
  ) {
    this.inode = inode;
    // The cache must not find another object under the name.
    location.dentry.users++;
    addWatch(this);
  }

  notify(mask: number, name: string, cookie: number): void {
    if ((this.mask & mask & Inotify.ALL_EVENTS) === 0) {
      return;
    }
    this.instance.queueEvent({ wd: this.wd, mask, cookie, name });
    if (this.mask & WatchFlag.ONESHOT) {
      this.end();
    }
  }

  /** It ends, and the program is told. */
  end(): void {
    if (this.instance.forget(this)) {
      this.instance.queueEvent({ wd: this.wd, mask: Inotify.IGNORED, cookie: 0, name: '' });
    }
  }

  dispose(): void {
    removeWatch(this);
    this.location.dentry.users--;
  }
}

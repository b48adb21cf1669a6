/** /proc, proc(5). */
import { FsMagic } from '../../abi/statfs.js';
import type { Caller } from '../caller.js';
import { PROC_DEVICE } from '../device-numbers.js';
import { emptyStatfs } from '../file-system.js';
import type { Inode } from '../inode.js';
import type { MountNamespace } from '../namespace.js';
import { mountTable } from './mount-files.js';
import { findTask, processDirectory, processIds } from './process-directory.js';
import {
  type EntryFactory,
  GeneratedFs,
  ProcDirectory,
  ProcFile,
  ProcLink,
  ROOT,
} from './proc-inode.js';
import { systemFiles } from './system-files.js';

export class ProcFs extends GeneratedFs {
  override readonly device = PROC_DEVICE;
  override readonly type = 'proc';
  override readonly root: ProcDirectory;

  constructor(readonly namespace: MountNamespace) {
    super();
    this.root = new ProcDirectory(this, '', ROOT, this.#entries(), {
      names: (caller) => [...processIds(caller)].map(String),
      find: (name, path, caller) => this.#process(name, path, caller),
    });
  }

  #entries(): Map<string, EntryFactory> {
    const entries = new Map<string, EntryFactory>(systemFiles(this));
    entries.set('self', (path) => new ProcLink(this, path, ROOT, (who) => String(who.pid)));
    entries.set(
      'thread-self',
      (path) =>
        new ProcLink(this, path, ROOT, (who) => `${String(who.pid)}/task/${String(who.tid)}`),
    );
    entries.set('net', (path) => new ProcLink(this, path, ROOT, () => 'self/net'));
    entries.set('mounts', (path) => new ProcLink(this, path, ROOT, () => 'self/mounts'));
    return entries;
  }

  #process(name: string, path: string, caller: Caller): Inode | undefined {
    if (!/^[1-9][0-9]{0,9}$/.test(name)) {
      return undefined;
    }
    const task = findTask(caller, Number(name));
    return task && processDirectory(this, path, task);
  }

  /** A file whose contents do not depend on a process. */
  file(path: string, content: (caller: Caller) => string): Inode {
    return new ProcFile(this, path, ROOT, content);
  }

  mounts(caller: Caller): string {
    return mountTable(this.namespace, caller);
  }

  override statfs(_inode: Inode, out: Uint8Array): number {
    return emptyStatfs(FsMagic.Proc, out);
  }
}

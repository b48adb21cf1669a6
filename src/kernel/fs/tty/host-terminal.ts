/** The host's terminal, where one stands behind the standard descriptors of a sandbox. */
import { Errno } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import type { Process } from '../../task/process.js';
import type { FdTable } from '../fd-table.js';
import type { FsContext } from '../fs-context.js';
import { hostDescriptors } from '../host-descriptors.js';
import { HostStdio, openHostStdio } from '../host-stdio.js';
import type { Inode } from '../inode.js';
import type { OpenFile } from '../open-file.js';
import { Walk } from '../path-walk.js';
import { Terminals } from './terminals.js';
import { Tty } from './tty.js';

const STANDARD_DESCRIPTORS = [0, 1, 2];

/** Its bytes pass through as they are; only sessions and process groups are the sandbox's own. */
export class HostTerminal extends Tty {
  #file: HostStdio | undefined;

  /**
   * A program starts as the leader of a session of its own: what the host's keys and signals say is for its group,
   * and the terminal among its standard descriptors, if there is one, is its controlling terminal.
   */
  attach(leader: Process, files: FdTable, fsContext: FsContext): void {
    this.release();
    this.foregroundGroup = leader.processGroup;
    const terminals = STANDARD_DESCRIPTORS.map((fd) => files.get(fd)).filter(isTerminal);
    const [file] = terminals;
    if (file !== undefined) {
      const node = nodeOf(fsContext);
      for (const terminal of terminals) {
        terminal.node = node;
      }
      file.incRef();
      this.#file = file;
      Terminals.of(this.kernel).assign(leader, this);
    }
  }

  override reopen(flags: number): OpenFile | number {
    if (this.#file === undefined) {
      return -Errno.ENXIO;
    }
    if (!hostDescriptors.available) {
      return -Errno.ENFILE;
    }
    const file = openHostStdio(this.#file.hostFd);
    file.node = this.#file.node;
    file.flags = flags & (file.flags | O.ACCMODE | O.NONBLOCK);
    return file;
  }

  /** A program run natively leads no session: what it leaves behind in its own group goes on. */
  override leave(andContinue: boolean): void {
    if (this.foregroundGroup === this.session) {
      this.release();
    } else {
      super.leave(andContinue);
    }
  }

  override release(): void {
    super.release();
    this.#file?.decRef();
    this.#file = undefined;
  }
}

/** What programs take for the name of their terminal: the host's is not among their files. */
function nodeOf(fsContext: FsContext): Inode | undefined {
  const { credentials } = fsContext;
  const caller = { credentials, pid: 0, tid: 0 };
  return fsContext.resolve(caller, '/dev/tty', Walk.Follow) < 0 ? undefined : fsContext.walk.inode;
}

function isTerminal(file: OpenFile | undefined): file is HostStdio {
  return file instanceof HostStdio && file.isTerminal;
}

/** The end of a pseudo-terminal that plays the terminal itself: what is written here was typed. */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import type { StatRecord } from '../../abi/stat.js';
import { Packet } from '../../abi/termios.js';
import type { Task } from '../../task/task.js';
import type { Location } from '../location.js';
import { OpenFile } from '../open-file.js';
import type { PseudoTerminal } from './pseudo-terminal.js';
import { masterIoctl } from './pty-ioctl.js';

export class PtyMaster extends OpenFile {
  constructor(
    flags: number,
    location: Location,
    readonly terminal: PseudoTerminal,
    /** Called as it closes. */
    readonly onClosed: () => void,
  ) {
    super(flags, location);
  }

  override get canPoll(): boolean {
    return true;
  }

  override get signalsReadiness(): boolean {
    return true;
  }

  override read(dst: Uint8Array): number {
    const { terminal } = this;
    if (terminal.packetMode) {
      return this.#readPacket(dst);
    }
    return terminal.output.length > 0 ? this.#take(dst) : this.#nothing();
  }

  /** A byte that says what happened, or that data follow. */
  #readPacket(dst: Uint8Array): number {
    const { terminal } = this;
    if (terminal.packetStatus !== 0) {
      dst[0] = terminal.packetStatus;
      terminal.packetStatus = 0;
      return 1;
    }
    if (terminal.output.length === 0) {
      return this.#nothing();
    }
    dst[0] = Packet.DATA;
    return 1 + this.#take(dst.subarray(1));
  }

  #take(dst: Uint8Array): number {
    const count = this.terminal.output.take(dst);
    this.terminal.slaveQueue.wake(POLL_WRITABLE);
    return count;
  }

  #nothing(): number {
    return this.terminal.slaveIsGone ? -Errno.EIO : -Errno.EAGAIN;
  }

  override write(src: Uint8Array): number {
    const count = this.terminal.type(src);
    return count === 0 && src.length > 0 ? -Errno.EAGAIN : count;
  }

  override poll(): number {
    const { terminal } = this;
    const status = terminal.packetMode && terminal.packetStatus !== 0;
    return (
      (terminal.output.length > 0 || status ? POLL_READABLE : 0) |
      (status ? Poll.PRI : 0) |
      (terminal.typingRoom > 0 ? POLL_WRITABLE : 0) |
      (terminal.slaveIsGone ? Poll.HUP : 0)
    );
  }

  override watch(events: number, wake: () => void): () => void {
    return this.terminal.masterQueue.add(events | Poll.HUP, wake);
  }

  override stat(out: StatRecord): number {
    return this.inode?.stat(out) ?? -Errno.EBADF;
  }

  override ioctl(task: Task, request: number, argument: number): number {
    return masterIoctl(this.terminal, task, request, argument);
  }

  protected override onClose(): void {
    this.terminal.masterClosed();
    this.onClosed();
  }
}

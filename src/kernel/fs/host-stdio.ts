/** Host descriptors as open files: the standard input and output that a sandbox inherits. */
import { hostFiles } from '../../host/host-files.js';
import { watchHostFd } from '../../host/host-watch.js';
import { isTerminal } from '../../host/terminal.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Signo } from '../abi/signal.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { encodeDevice, Mode, StatRecord } from '../abi/stat.js';
import type { Task } from '../task/task.js';
import { hostDescriptors } from './host-descriptors.js';
import type { Inode } from './inode.js';
import { OpenFile } from './open-file.js';
import { hostTerminalIoctl } from './terminal-ioctl.js';
import { Terminals } from './tty/terminals.js';

const NULL_DEVICE = encodeDevice(1, 3);
/** Flags of a host description that the guest may see. */
const SHOWN_FLAGS = O.ACCMODE | O.APPEND | O.NONBLOCK | O.LARGEFILE;

export class HostStdio extends OpenFile {
  /** A regular file: always ready, with a position that it shares with the host's processes. */
  readonly #isRegular: boolean;
  readonly isTerminal: boolean;
  /** Of a terminal: the device that fstat(2) tells of, so that ttyname(3) finds it. */
  node: Inode | undefined;
  /** Bytes that a faulting read gave back. */
  #unread: Uint8Array | undefined;
  /** What starts the watches that have told of their events, by those events. */
  readonly #told = new Map<() => void, number>();

  constructor(
    /** A descriptor of our own. */
    readonly hostFd: number,
    flags: number,
    isRegular: boolean,
    isTerminal: boolean,
  ) {
    super(flags);
    this.#isRegular = isRegular;
    this.isTerminal = isTerminal;
  }

  override get seekable(): boolean {
    return this.#isRegular;
  }

  override get canPoll(): boolean {
    return !this.#isRegular && !isNullDevice(this);
  }

  override get signalsReadiness(): boolean {
    return !this.#isRegular;
  }

  override read(dst: Uint8Array, task?: Task): number {
    if (this.isTerminal && task !== undefined) {
      const tty = Terminals.of(task.kernel).find(task.process);
      const error = tty?.checkForeground(task, Signo.SIGTTIN) ?? 0;
      if (error < 0) {
        return error;
      }
    }
    if (this.#unread !== undefined) {
      return this.#readAgain(dst, this.#unread);
    }
    if (this.#isRegular) {
      return hostFiles.readFd(this.hostFd, dst);
    }
    const count = hostFiles.tryRead(this.hostFd, dst);
    if (count < dst.length) {
      this.#watchAgain(0);
    }
    return count;
  }

  #readAgain(dst: Uint8Array, bytes: Uint8Array): number {
    const count = Math.min(dst.length, bytes.length);
    dst.set(bytes.subarray(0, count));
    this.#unread = count < bytes.length ? bytes.subarray(count) : undefined;
    return count;
  }

  override unread(bytes: Uint8Array): void {
    const before = this.#unread ?? new Uint8Array(0);
    this.#unread = Buffer.concat([bytes, before]);
  }

  override write(src: Uint8Array): number {
    if (this.#isRegular) {
      return hostFiles.writeFd(this.hostFd, src);
    }
    const count = hostFiles.tryWrite(this.hostFd, src);
    if (count < src.length) {
      this.#watchAgain(0);
    }
    return count;
  }

  override pread(dst: Uint8Array, offset: number): number {
    return this.#isRegular ? hostFiles.pread(this.hostFd, dst, offset) : -Errno.ESPIPE;
  }

  override pwrite(src: Uint8Array, offset: number): number {
    return this.#isRegular ? hostFiles.pwrite(this.hostFd, src, offset) : -Errno.ESPIPE;
  }

  override seek(offset: number, whence: number): number {
    return hostFiles.lseek(this.hostFd, offset, whence);
  }

  override poll(): number {
    const wanted = POLL_READABLE | POLL_WRITABLE | Poll.PRI;
    const own = this.#unread === undefined ? 0 : POLL_READABLE;
    const events = hostFiles.pollFd(this.hostFd, wanted) | own;
    this.#watchAgain(events);
    return events;
  }

  override watch(events: number, wake: () => void): () => void {
    let stop = (): void => undefined;
    const start = (): void => {
      stop = watchHostFd(this.hostFd, events, () => {
        this.#told.set(start, events);
        wake();
      });
    };
    start();
    return () => {
      this.#told.delete(start);
      stop();
    };
  }

  /**
   * Waits anew for those who were told, but for what holds already: they know, and the host would tell them again
   * and again until it is read.
   */
  #watchAgain(holding: number): void {
    for (const [start, events] of [...this.#told]) {
      if ((events & holding) === 0) {
        this.#told.delete(start);
        start();
      }
    }
  }

  override stat(out: StatRecord): number {
    if (this.node !== undefined) {
      return this.node.stat(out);
    }
    const result = hostFiles.statFd(this.hostFd, out.bytes);
    // No socket call works on it: a program that is told of a socket, as libuv is, would give it up.
    if ((out.mode & Mode.S_IFMT) === Mode.S_IFSOCK) {
      out.mode = (out.mode & ~Mode.S_IFMT) | Mode.S_IFIFO;
    }
    return result;
  }

  override truncate(size: number): number {
    return this.#isRegular ? hostFiles.ftruncate(this.hostFd, size) : -Errno.EINVAL;
  }

  override sync(dataOnly: boolean): number {
    return hostFiles.fsync(this.hostFd, dataOnly ? 1 : 0);
  }

  override ioctl(task: Task, request: number, argument: number): number {
    return hostTerminalIoctl(this, task, request, argument);
  }

  override describe(): string {
    if (this.isTerminal) {
      return '/dev/tty';
    }
    if (isNullDevice(this)) {
      return '/dev/null';
    }
    const record = new StatRecord();
    this.stat(record);
    return (record.mode & Mode.S_IFMT) === Mode.S_IFIFO
      ? `pipe:[${String(record.inode)}]`
      : 'host:[stdio]';
  }

  protected override onClose(): void {
    hostDescriptors.close(this.hostFd);
  }
}

function isNullDevice(file: HostStdio): boolean {
  const record = new StatRecord();
  file.stat(record);
  return record.deviceOfNode === NULL_DEVICE;
}

/**
 * Wraps a descriptor of the host's, which stays the caller's: what is used is a duplicate, and its shared flags
 * are not touched. @throws {Error} where `fd` is not open
 */
export function openHostStdio(fd: number): HostStdio {
  const record = new StatRecord();
  const flags = hostFiles.statusFlags(fd);
  if (flags < 0 || hostFiles.statFd(fd, record.bytes) < 0) {
    throw new Error(`host descriptor ${String(fd)} is not open`);
  }
  const isOnTerminal = isTerminal(fd);
  const reopened = isOnTerminal ? hostFiles.reopenTerminal(fd) : -1;
  const own = reopened >= 0 ? reopened : hostFiles.duplicateFd(fd);
  if (own < 0) {
    throw new Error(`cannot duplicate host descriptor ${String(fd)}: errno ${String(-own)}`);
  }
  const isRegular = (record.mode & Mode.S_IFMT) === Mode.S_IFREG;
  hostDescriptors.opened(own);
  // Whether the host's side waits is not the guest's: it starts with a blocking descriptor.
  return new HostStdio(own, flags & SHOWN_FLAGS & ~O.NONBLOCK, isRegular, isOnTerminal);
}

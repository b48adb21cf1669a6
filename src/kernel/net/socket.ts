/** A socket, socket(7): what every family has, and what a system call asks of one. */
import { fillAnonymousStat, nextAnonymousInode } from '../fs/anonymous-stat.js';
import { kernelDevice } from '../fs/device-numbers.js';
import { OpenFile } from '../fs/open-file.js';
import { WaitQueue } from '../fs/wait-queue.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Msg, Shut, SocketIoctl, SOL_SOCKET, So } from '../abi/socket.js';
import { Mode, type StatRecord } from '../abi/stat.js';
import type { Task } from '../task/task.js';
import { type Actor, isPrivileged } from './actor.js';
import { intValue } from './int-options.js';
import { BufferSink, BufferSource, Incoming, PLAIN, type Outgoing } from './message.js';
import type { Sink, Source } from './message.js';
import type { Network } from './network.js';
import { SocketOptions } from './socket-options.js';
import { interfaceIoctl } from './interface-ioctl.js';

const SOCKET_DEVICE = kernelDevice(8);

/** Both halves, as shutdown(2) ends them. */
export const RECEIVE_ENDED = 1;
export const SEND_ENDED = 2;

export interface SocketKind {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
}

/**
 * Nothing here waits: what would have to gives -EAGAIN, or -EINPROGRESS for a connection on its way, and `watch`
 * tells when to look again. Results below 0 are -errno.
 */
export abstract class Socket extends OpenFile {
  readonly queue = new WaitQueue();
  readonly options = new SocketOptions();
  readonly inodeNumber = nextAnonymousInode();
  /** An errno on its way to whoever asks next, SO_ERROR. */
  pendingError = 0;
  /** RECEIVE_ENDED and SEND_ENDED. */
  ended = 0;
  closed = false;

  constructor(
    readonly network: Network,
    readonly kind: SocketKind,
  ) {
    super(O.RDWR);
    network.opened(this);
  }

  abstract bind(actor: Actor, address: Buffer): number;
  /** -EINPROGRESS: `finishConnect` tells how it went. -EAGAIN: to be tried again. */
  abstract connect(actor: Actor, address: Buffer): number;
  /** struct sockaddr of this end. */
  abstract localName(): Buffer;
  /** struct sockaddr of the other end; -ENOTCONN. */
  abstract peerName(): Buffer | number;
  /** Sends what fits: a whole message, or the first bytes for a stream. */
  abstract send(source: Source, message: Outgoing): number;
  /** Receives what there is: a message, or bytes of a stream. */
  abstract receive(sink: Sink, into: Incoming): number;

  override get signalsReadiness(): boolean {
    return true;
  }

  /** It has connections, and sending into a broken one raises SIGPIPE. */
  get isStream(): boolean {
    return false;
  }

  get isListening(): boolean {
    return false;
  }

  listen(_actor: Actor, _backlog: number): number {
    return -Errno.EOPNOTSUPP;
  }

  /** What has become of a connection on its way: -EAGAIN while it still is. */
  finishConnect(): number {
    return 0;
  }

  /** Joins the ends of a socketpair(2); false where this kind has none. */
  pairWith(_other: Socket): boolean {
    return false;
  }

  /** A connection that has come in, with a reference that is the caller's. */
  accept(): Socket | number {
    return -Errno.EOPNOTSUPP;
  }

  shutdown(_how: number): number {
    return -Errno.EOPNOTSUPP;
  }

  /** Takes the pending error: -errno or 0. */
  takeError(): number {
    const error = this.pendingError;
    this.pendingError = 0;
    return error === 0 ? 0 : -error;
  }

  /** For datagrams: the end shows only to those who would wait. */
  protected nothingToReceive(into: Incoming): number {
    const waits = !this.nonBlocking && (into.request & Msg.DONTWAIT) === 0;
    return waits && this.ended & RECEIVE_ENDED ? 0 : -Errno.EAGAIN;
  }

  setOption(actor: Actor, level: number, name: number, value: Buffer): number {
    return level === SOL_SOCKET
      ? this.options.set(name, value, isPrivileged(actor))
      : this.setProtocolOption(level, name, value);
  }

  getOption(level: number, name: number): Buffer | number {
    if (level !== SOL_SOCKET) return this.getProtocolOption(level, name);
    switch (name) {
      case So.TYPE:
        return intValue(this.kind.type);
      case So.DOMAIN:
        return intValue(this.kind.domain);
      case So.PROTOCOL:
        return intValue(this.kind.protocol);
      case So.ERROR:
        return intValue(-this.takeError());
      case So.ACCEPTCONN:
        return intValue(this.isListening ? 1 : 0);
      default:
        return this.options.get(name);
    }
  }

  protected setProtocolOption(_level: number, _name: number, _value: Buffer): number {
    return -Errno.ENOPROTOOPT;
  }

  protected getProtocolOption(_level: number, _name: number): Buffer | number {
    return -Errno.ENOPROTOOPT;
  }

  /** Bytes that can be read at once, SIOCINQ; -errno. */
  protected available(): number {
    return -Errno.EINVAL;
  }

  /** Bytes that were sent and are still on their way, SIOCOUTQ; -errno. */
  protected outstanding(): number {
    return -Errno.EINVAL;
  }

  override read(dst: Uint8Array): number {
    const into = new Incoming(0);
    const count = this.receive(new BufferSink(dst), into);
    for (const file of into.rights) file.decRef();
    return count;
  }

  override write(src: Uint8Array): number {
    return this.send(new BufferSource(src), PLAIN);
  }

  override watch(events: number, wake: () => void): () => void {
    return this.queue.add(events | Poll.HUP | Poll.ERR, wake);
  }

  /** Tells everyone: the state of the connection has changed. */
  wakeAll(): void {
    this.queue.wake(POLL_READABLE | POLL_WRITABLE | Poll.HUP | Poll.RDHUP | Poll.ERR | Poll.PRI);
  }

  override ioctl(task: Task, request: number, argument: number): number {
    switch (request) {
      case SocketIoctl.SIOCINQ:
        return giveInt(task, argument, this.available());
      case SocketIoctl.SIOCOUTQ:
        return giveInt(task, argument, this.outstanding());
      default:
        return interfaceIoctl(task, request, argument);
    }
  }

  override stat(out: StatRecord): number {
    return fillAnonymousStat(out, Mode.S_IFSOCK | 0o777, SOCKET_DEVICE, this.inodeNumber, this);
  }

  override describe(): string {
    return `socket:[${String(this.inodeNumber)}]`;
  }

  /** The sandbox ends: everything that waits is dropped. */
  abandon(): void {
    // What only holds bytes goes with the heap.
  }

  protected override onClose(): void {
    this.closed = true;
    this.network.gone(this);
  }
}

function giveInt(task: Task, address: number, value: number): number {
  return value < 0 ? value : task.mm.write(address, intValue(value));
}

/** The halves that a `how` of shutdown(2) ends; -EINVAL. */
export function halvesOf(how: number): number {
  switch (how) {
    case Shut.RD:
      return RECEIVE_ENDED;
    case Shut.WR:
      return SEND_ENDED;
    case Shut.RDWR:
      return RECEIVE_ENDED | SEND_ENDED;
    default:
      return -Errno.EINVAL;
  }
}

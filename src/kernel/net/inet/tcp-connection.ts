/** A TCP socket as one end of a connection: bytes, their end, and what breaks it (tcp(7)). */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { IpProto, Msg, So, SocketIoctl } from '../../abi/socket.js';
import type { Task } from '../../task/task.js';
import { IntOptions, intValue } from '../int-options.js';
import type { Incoming, Outgoing, Sink, Source } from '../message.js';
import type { Network } from '../network.js';
import { RECEIVE_ENDED, SEND_ENDED, type SocketKind } from '../socket.js';
import { TCP_OPTIONS } from './inet-options.js';
import { InetSocket } from './inet-socket.js';
import type { TcpEnd } from './tcp-end.js';
import { TcpIncoming } from './tcp-incoming.js';
import { getTcpOption, setTcpOption } from './tcp-options.js';

export const BOTH_ENDED = RECEIVE_ENDED | SEND_ENDED;
/** Sizes that getsockopt(2) tells while none was set, as Linux has them for the loopback. */
const SEND_BUFFER = 16384;
const CONNECTED_SEND_BUFFER = 2626560;
const RECEIVE_BUFFER = 131072;
/** What may be on its way to a socket, besides its receive buffer, while no size was set. */
const IN_FLIGHT = 393216;

export type TcpState = 'closed' | 'listening' | 'connecting' | 'connected' | 'finished';

export abstract class TcpConnection extends InetSocket implements TcpEnd {
  state: TcpState = 'closed';
  readonly tcpOptions = new IntOptions(TCP_OPTIONS);
  readonly incoming: TcpIncoming;
  protected other: TcpEnd | undefined;
  /** The other end has sent its last. */
  #finReceived = false;
  #finSent = false;

  constructor(network: Network, kind: SocketKind, uid: number) {
    super(network, { ...kind, protocol: IpProto.TCP }, uid, network.tcpPorts);
    this.incoming = new TcpIncoming(network.kernelMemory);
    this.options.ints.set(So.SNDBUF, SEND_BUFFER);
    this.options.ints.set(So.RCVBUF, RECEIVE_BUFFER);
  }

  override get isStream(): boolean {
    return true;
  }

  /** The connection is there. */
  protected join(other: TcpEnd): void {
    this.other = other;
    this.state = 'connected';
    if (!this.options.sendBufferSet) this.options.ints.set(So.SNDBUF, CONNECTED_SEND_BUFFER);
    this.wakeAll();
  }

  /** Back to the beginning, with nothing left of the connection. */
  protected forgetConnection(): void {
    this.other = undefined;
    this.state = 'closed';
    this.ended = 0;
    this.remote = undefined;
    this.#finReceived = this.#finSent = false;
    this.incoming.clear();
    this.pendingError = 0;
  }

  override send(source: Source, message: Outgoing): number {
    if (this.state === 'connecting') {
      return this.pendingError === 0 ? -Errno.EAGAIN : this.finishConnect();
    }
    if (this.pendingError !== 0) return this.takeError();
    if (this.other === undefined || this.ended & SEND_ENDED) return -Errno.EPIPE;
    if (source.remaining === 0) return 0;
    return this.other.take(source, (message.flags & Msg.OOB) !== 0);
  }

  override receive(sink: Sink, into: Incoming): number {
    if (this.state === 'listening') return -Errno.ENOTCONN;
    const inline = this.options.isOn(So.OOBINLINE);
    if (into.request & Msg.OOB) return this.#receiveUrgent(sink, into, inline);
    if (this.incoming.readable(inline) > 0) {
      const count = this.incoming.read(sink, into.peeks, inline);
      if (!into.peeks) this.other?.windowOpened();
      return count;
    }
    if (this.#finReceived) return 0;
    if (this.pendingError !== 0) return this.takeError();
    if (this.ended & RECEIVE_ENDED) return 0;
    if (this.state === 'closed') return -Errno.ENOTCONN;
    return sink.room === 0 ? 0 : -Errno.EAGAIN;
  }

  #receiveUrgent(sink: Sink, into: Incoming, inline: boolean): number {
    if (this.state === 'closed') return -Errno.ENOTCONN;
    const count = this.incoming.readUrgent(sink, into.peeks, inline);
    if (count > 0) into.flags |= Msg.OOB;
    return count;
  }

  override unread(bytes: Uint8Array): void {
    this.incoming.putBack(bytes);
  }

  // What the other end does.

  get capacity(): number {
    const { options } = this;
    return options.receiveBuffer + (options.receiveBufferSet ? 0 : IN_FLIGHT);
  }

  get room(): number {
    return this.closed ? this.capacity : this.capacity - this.incoming.length;
  }

  get held(): number {
    return Math.max(0, this.incoming.length - this.options.receiveBuffer);
  }

  take(source: Source, urgent: boolean): number {
    if (this.closed) {
      // The answer to bytes that nobody will read is a reset, which is on its way before the sender looks again.
      const length = source.remaining;
      discard(source);
      this.other?.reset();
      return length;
    }
    const { room } = this;
    if (room <= 0) return -Errno.EAGAIN;
    const count = this.incoming.put(source, room, urgent);
    this.queue.wake(urgent ? POLL_READABLE | Poll.PRI : POLL_READABLE);
    return count;
  }

  finish(): void {
    this.#finReceived = true;
    this.ended |= RECEIVE_ENDED;
    if (this.#finSent) this.state = 'finished';
    this.wakeAll();
  }

  reset(errno: number = Errno.ECONNRESET): void {
    if (this.state !== 'connected' || this.closed) return;
    this.pendingError = this.#finReceived ? Errno.EPIPE : errno;
    this.other = undefined;
    this.state = 'finished';
    this.ended = BOTH_ENDED;
    this.wakeAll();
  }

  /** Half of the room is there again: fewer and larger turns than telling each byte. */
  windowOpened(): void {
    const { room, capacity } = this.other ?? { room: 0, capacity: 1 };
    if (room * 2 >= capacity) this.queue.wake(POLL_WRITABLE);
  }

  override peerName(): Buffer | number {
    return this.state === 'connected' ? super.peerName() : -Errno.ENOTCONN;
  }

  /** Ends halves of the connection from this side: FIN. */
  protected end(halves: number): void {
    const sendsFin = (halves & SEND_ENDED) !== 0 && !this.#finSent;
    this.ended |= halves;
    if (!sendsFin) return;
    this.#finSent = true;
    if (this.#finReceived) this.state = 'finished';
    this.other?.finish();
  }

  override poll(): number {
    let events = this.pendingError === 0 ? 0 : Poll.ERR;
    if (this.ended === BOTH_ENDED || this.state === 'closed' || this.state === 'finished') {
      events |= Poll.HUP;
    }
    if (this.ended & RECEIVE_ENDED) events |= POLL_READABLE | Poll.RDHUP;
    if (this.state === 'connecting' && this.pendingError === 0) return events;
    if (this.incoming.readable(this.options.isOn(So.OOBINLINE)) > 0) events |= POLL_READABLE;
    if (this.incoming.hasUrgent) events |= Poll.PRI;
    return this.#isWritable ? events | POLL_WRITABLE : events;
  }

  get #isWritable(): boolean {
    const other = this.other;
    return (
      other === undefined || (this.ended & SEND_ENDED) !== 0 || other.room * 3 >= other.capacity
    );
  }

  protected override available(): number {
    if (this.isListening) return -Errno.EINVAL;
    return this.incoming.readable(this.options.isOn(So.OOBINLINE));
  }

  protected override outstanding(): number {
    return this.isListening ? -Errno.EINVAL : (this.other?.held ?? 0);
  }

  override ioctl(task: Task, request: number, argument: number): number {
    if (request === SocketIoctl.SIOCATMARK) {
      return task.mm.write(argument, intValue(this.incoming.isAtMark ? 1 : 0));
    }
    return super.ioctl(task, request, argument);
  }

  protected override setProtocolOption(level: number, name: number, value: Buffer): number {
    return level === IpProto.TCP
      ? setTcpOption(this, name, value)
      : super.setProtocolOption(level, name, value);
  }

  protected override getProtocolOption(level: number, name: number): Buffer | number {
    return level === IpProto.TCP ? getTcpOption(this, name) : super.getProtocolOption(level, name);
  }

  /** Both ends know that it is over. */
  abort(): void {
    this.other?.reset();
    this.other = undefined;
  }

  override abandon(): void {
    this.abort();
    this.incoming.clear();
  }
}

/** Takes bytes that nobody wants. */
function discard(source: Source): void {
  const bytes = new Uint8Array(Math.min(source.remaining, 65536));
  for (let left = source.remaining; left > 0; left = source.remaining) {
    const part = bytes.subarray(0, Math.min(left, bytes.length));
    if (source.fill(part) < part.length) return;
  }
}

/** A TCP socket, tcp(7). Connections within the sandbox join two of them; nothing is ever lost or late. */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Af, IpProto, Msg, So, SocketIoctl } from '../../abi/socket.js';
import type { Task } from '../../task/task.js';
import type { Actor } from '../actor.js';
import { IntOptions, intValue } from '../int-options.js';
import type { Incoming, Outgoing, Sink, Source } from '../message.js';
import type { Network } from '../network.js';
import { halvesOf, RECEIVE_ENDED, SEND_ENDED, type SocketKind } from '../socket.js';
import { TCP_OPTIONS } from './inet-options.js';
import { InetSocket } from './inet-socket.js';
import { type Endpoint, familyOf, isBroadcast, isLoopback, isMulticast } from './ip-address.js';
import { isV4, parseEndpoint } from './ip-address.js';
import type { TcpEnd } from './tcp-end.js';
import { TcpIncoming } from './tcp-incoming.js';
import { TcpListener } from './tcp-listener.js';
import { getTcpOption, setTcpOption } from './tcp-options.js';

const BOTH_ENDED = RECEIVE_ENDED | SEND_ENDED;
/** Sizes that getsockopt(2) tells while none was set, as Linux has them for the loopback. */
const SEND_BUFFER = 16384;
const CONNECTED_SEND_BUFFER = 2626560;
const RECEIVE_BUFFER = 131072;
/** What may be on its way to a socket, besides its receive buffer, while no size was set. */
const IN_FLIGHT = 393216;

export type TcpState = 'closed' | 'listening' | 'connecting' | 'connected' | 'finished';

export class TcpSocket extends InetSocket implements TcpEnd {
  state: TcpState = 'closed';
  readonly tcpOptions = new IntOptions(TCP_OPTIONS);
  readonly incoming: TcpIncoming;
  listener: TcpListener | undefined;
  #other: TcpEnd | undefined;
  /** connect(2) has not been told yet that it has succeeded. */
  #connectUntold = false;
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

  override get isListening(): boolean {
    return this.state === 'listening';
  }

  protected override get isBusy(): boolean {
    return this.state !== 'closed';
  }

  protected override sharesWith(other: InetSocket): boolean {
    if (this.options.isOn(So.REUSEPORT) && other.options.isOn(So.REUSEPORT)) {
      return this.uid === other.uid;
    }
    const reuses = this.options.isOn(So.REUSEADDR) && other.options.isOn(So.REUSEADDR);
    return reuses && !other.isListening;
  }

  override listen(_actor: Actor, backlog: number): number {
    if (this.state !== 'closed' && this.state !== 'listening') return -Errno.EINVAL;
    if (this.state === 'closed') {
      const error = this.isBound ? this.#claimPort() : this.autobind();
      if (error < 0) return error;
      this.listener = new TcpListener();
    }
    this.state = 'listening';
    this.listener?.setBacklog(backlog);
    return 0;
  }

  /** Of sockets that share a port by SO_REUSEADDR only one can listen. */
  #claimPort(): number {
    return this.takePort(this.local.address, this.local.port);
  }

  override connect(_actor: Actor, bytes: Buffer): number {
    if (familyOf(bytes) === Af.UNSPEC) return this.#disconnect();
    if (this.state === 'connecting') {
      // Its failure may have been told by SO_ERROR already.
      return this.#other === undefined && this.pendingError === 0 && !this.#isQueued
        ? this.#failConnect()
        : this.#connectAgain();
    }
    if (this.state === 'connected' && this.#connectUntold) {
      this.#connectUntold = false;
      return 0;
    }
    if (this.state !== 'closed') return -Errno.EISCONN;
    const wanted = parseEndpoint(bytes, this.kind.domain);
    return typeof wanted === 'number' ? wanted : this.#open(this.normalize(wanted));
  }

  #isQueued = false;

  #connectAgain(): number {
    return this.pendingError === 0 ? -Errno.EALREADY : this.finishConnect();
  }

  #failConnect(): number {
    this.state = 'closed';
    this.ended = 0;
    return -Errno.ECONNABORTED;
  }

  /** Sets out for an endpoint. What comes of it is told later, as on a real network. */
  #open(remote: Endpoint): number {
    const { address } = remote;
    if (isMulticast(address) || isBroadcast(address)) return -Errno.ENETUNREACH;
    if (isV4(address) && this.only6) return -Errno.ENETUNREACH;
    const { host } = this.network;
    const isOutside = !isLoopback(address);
    if (isOutside && !host?.reaches(address)) return -Errno.ENETUNREACH;
    const error = this.autobind();
    if (error < 0) return -Errno.EADDRNOTAVAIL;
    this.remote = remote;
    this.state = 'connecting';
    if (isOutside) {
      this.#other = host?.connect(this, remote);
    } else {
      this.local = { ...this.local, address: this.sourceFor(address) };
      this.#callListener(remote);
    }
    return -Errno.EINPROGRESS;
  }

  #callListener(remote: Endpoint): void {
    const listening = this.network.findListener(remote);
    if (listening?.listener === undefined) {
      this.refused(Errno.ECONNREFUSED);
    } else if (listening.listener.isFull) {
      this.#isQueued = true;
      listening.listener.waiting.add(this);
    } else {
      this.arriveAt(listening);
    }
  }

  /** The listener has room for it. */
  arriveAt(listening: TcpSocket): void {
    this.#isQueued = false;
    const accepted = this.network.hasRoom ? listening.#makeAccepted(this) : undefined;
    if (accepted === undefined) {
      this.refused(Errno.ECONNREFUSED);
      return;
    }
    this.connected(accepted);
    listening.listener?.arrived.push(accepted);
    listening.queue.wake(POLL_READABLE);
  }

  #makeAccepted(caller: TcpSocket): TcpSocket {
    const accepted = new TcpSocket(this.network, this.kind, this.uid);
    accepted.options.inherit(this.options);
    accepted.tcpOptions.inherit(this.tcpOptions);
    accepted.ipOptions.inherit(this.ipOptions);
    accepted.ipv6Options.inherit(this.ipv6Options);
    accepted.local = caller.remote ?? this.local;
    accepted.remote = caller.local;
    accepted.ports.addAccepted(accepted, accepted.local.port);
    accepted.connected(caller);
    accepted.#connectUntold = false;
    return accepted;
  }

  /** The connection is there. */
  connected(other: TcpEnd): void {
    this.#other = other;
    this.state = 'connected';
    this.#connectUntold = true;
    if (!this.options.sendBufferSet) this.options.ints.set(So.SNDBUF, CONNECTED_SEND_BUFFER);
    this.wakeAll();
  }

  /** The connection could not be. */
  refused(errno: number): void {
    this.#isQueued = false;
    this.#other = undefined;
    this.pendingError = errno;
    this.ended = BOTH_ENDED;
    this.wakeAll();
  }

  override finishConnect(): number {
    if (this.pendingError !== 0) {
      this.state = 'closed';
      this.ended = 0;
      this.remote = undefined;
      return this.takeError();
    }
    if (this.state === 'connecting') return -Errno.EAGAIN;
    this.#connectUntold = false;
    return 0;
  }

  /** connect(2) with AF_UNSPEC: back to the beginning. */
  #disconnect(): number {
    if (this.state === 'listening') this.#stopListening();
    else this.#other?.reset();
    this.#other = undefined;
    this.state = 'closed';
    this.ended = 0;
    this.remote = undefined;
    this.#finReceived = this.#finSent = false;
    this.incoming.clear();
    this.pendingError = 0;
    if (!this.addressChosen) this.local = { ...this.local, address: this.anyAddress };
    this.wakeAll();
    return 0;
  }

  override accept(): TcpSocket | number {
    if (this.listener === undefined || !this.isListening) return -Errno.EINVAL;
    const accepted = this.listener.arrived.shift();
    if (accepted === undefined) return -Errno.EAGAIN;
    this.listener.admit(this);
    return accepted;
  }

  override send(source: Source, message: Outgoing): number {
    if (this.state === 'connecting') {
      return this.pendingError === 0 ? -Errno.EAGAIN : this.finishConnect();
    }
    if (this.pendingError !== 0) return this.takeError();
    if (this.#other === undefined || this.ended & SEND_ENDED) return -Errno.EPIPE;
    if (source.remaining === 0) return 0;
    return this.#other.take(source, (message.flags & Msg.OOB) !== 0);
  }

  override receive(sink: Sink, into: Incoming): number {
    if (this.state === 'listening') return -Errno.ENOTCONN;
    const inline = this.options.isOn(So.OOBINLINE);
    if (into.request & Msg.OOB) return this.#receiveUrgent(sink, into, inline);
    if (this.incoming.readable(inline) > 0) {
      const count = this.incoming.read(sink, into.peeks, inline);
      if (!into.peeks) this.#other?.windowOpened();
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
      this.#other?.reset();
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
    this.#other = undefined;
    this.state = 'finished';
    this.ended = BOTH_ENDED;
    this.wakeAll();
  }

  /** Half of the room is there again: fewer and larger turns than telling each byte. */
  windowOpened(): void {
    const { room, capacity } = this.#other ?? { room: 0, capacity: 1 };
    if (room * 2 >= capacity) this.queue.wake(POLL_WRITABLE);
  }

  override peerName(): Buffer | number {
    return this.state === 'connected' ? super.peerName() : -Errno.ENOTCONN;
  }

  override shutdown(how: number): number {
    const halves = halvesOf(how);
    if (halves < 0) return halves;
    if (this.state === 'listening' && halves & RECEIVE_ENDED) this.#stopListening();
    else if (this.state === 'connecting') this.#disconnect();
    else if (this.state !== 'connected') return -Errno.ENOTCONN;
    else this.#end(halves);
    this.wakeAll();
    return 0;
  }

  #end(halves: number): void {
    const sendsFin = (halves & SEND_ENDED) !== 0 && !this.#finSent;
    this.ended |= halves;
    if (!sendsFin) return;
    this.#finSent = true;
    if (this.#finReceived) this.state = 'finished';
    this.#other?.finish();
  }

  #stopListening(): void {
    const { listener } = this;
    this.listener = undefined;
    this.state = 'closed';
    listener?.close();
    if (!this.addressChosen) this.releasePort();
  }

  override poll(): number {
    if (this.state === 'listening') {
      return this.listener?.arrived.length ? POLL_READABLE : 0;
    }
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
    const other = this.#other;
    return (
      other === undefined || (this.ended & SEND_ENDED) !== 0 || other.room * 3 >= other.capacity
    );
  }

  protected override available(): number {
    if (this.isListening) return -Errno.EINVAL;
    return this.incoming.readable(this.options.isOn(So.OOBINLINE));
  }

  protected override outstanding(): number {
    return this.isListening ? -Errno.EINVAL : (this.#other?.held ?? 0);
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
    this.#other?.reset();
    this.#other = undefined;
  }

  override abandon(): void {
    this.abort();
    this.incoming.clear();
  }

  protected override onClose(): void {
    if (this.state === 'listening') this.#stopListening();
    const unread = this.incoming.length > 0;
    super.onClose();
    this.incoming.clear();
    if (this.state === 'connecting') {
      this.abort();
    } else if (this.state === 'connected') {
      if (unread || this.options.linger === 0) this.abort();
      else this.#end(SEND_ENDED);
    }
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

/**
 * A TCP socket, tcp(7): listening, calling and being called. Connections within the sandbox join two of them; nothing
 * is ever lost or late.
 */
import { Errno } from '../../abi/errno.js';
import { POLL_READABLE } from '../../abi/poll.js';
import { Af, So } from '../../abi/socket.js';
import type { Actor } from '../actor.js';
import { halvesOf, RECEIVE_ENDED, SEND_ENDED } from '../socket.js';
import type { InetSocket } from './inet-socket.js';
import {
  type Endpoint,
  familyOf,
  isBroadcast,
  isLoopback,
  isMulticast,
  isV4,
  parseEndpoint,
} from './ip-address.js';
import { BOTH_ENDED, TcpConnection } from './tcp-connection.js';
import type { TcpEnd } from './tcp-end.js';
import { TcpListener } from './tcp-listener.js';

export class TcpSocket extends TcpConnection {
  listener: TcpListener | undefined;
  /** connect(2) has not been told yet that it has succeeded. */
  #connectUntold = false;
  /** It waits for room in the backlog of a listener. */
  #isQueued = false;

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
      return this.other === undefined && this.pendingError === 0 && !this.#isQueued
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
      this.other = host?.connect(this, remote);
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
    accepted.join(caller);
    return accepted;
  }

  /** The connection is there. */
  connected(other: TcpEnd): void {
    this.#connectUntold = true;
    this.join(other);
  }

  /** The connection could not be. */
  refused(errno: number): void {
    this.#isQueued = false;
    this.other = undefined;
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
    else this.other?.reset();
    this.forgetConnection();
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

  override shutdown(how: number): number {
    const halves = halvesOf(how);
    if (halves < 0) return halves;
    if (this.state === 'listening' && halves & RECEIVE_ENDED) this.#stopListening();
    else if (this.state === 'connecting') this.#disconnect();
    else if (this.state !== 'connected') return -Errno.ENOTCONN;
    else this.end(halves);
    this.wakeAll();
    return 0;
  }

  #stopListening(): void {
    const { listener } = this;
    this.listener = undefined;
    this.state = 'closed';
    listener?.close();
    if (!this.addressChosen) this.releasePort();
  }

  override poll(): number {
    if (this.state !== 'listening') return super.poll();
    return this.listener?.arrived.length ? POLL_READABLE : 0;
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
      else this.end(SEND_ENDED);
    }
  }
}

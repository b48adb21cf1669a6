/** AF_UNIX sockets with connections: SOCK_STREAM and SOCK_SEQPACKET. */
import type { OpenFile } from '../../fs/open-file.js';
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Msg, Sock, SOMAXCONN } from '../../abi/socket.js';
import { type Actor, ucredOf } from '../actor.js';
import type { Incoming, Outgoing, Sink, Source } from '../message.js';
import type { Network } from '../network.js';
import { halvesOf, RECEIVE_ENDED, SEND_ENDED, type SocketKind } from '../socket.js';
import { WaitingSockets } from '../waiting-sockets.js';
import { MessageInbox, StreamInbox } from './inbox.js';
import { UnixSocket } from './unix-socket.js';

const BOTH_ENDED = RECEIVE_ENDED | SEND_ENDED;

export class UnixConnection extends UnixSocket {
  declare peer: UnixConnection | undefined;
  #listening = false;
  #backlog = 0;
  /** Connections for accept(2), and those who wait to become one. */
  readonly #arrived: UnixConnection[] = [];
  readonly #waiting = new WaitingSockets();

  constructor(network: Network, kind: SocketKind, actor: Pick<Actor, 'pid' | 'credentials'>) {
    const { kernelMemory, rights } = network;
    const Inbox = kind.type === Sock.STREAM ? StreamInbox : MessageInbox;
    super(network, kind, actor, new Inbox(kernelMemory, rights));
  }

  override get isStream(): boolean {
    return this.kind.type === Sock.STREAM;
  }

  override get isListening(): boolean {
    return this.#listening;
  }

  override listen(actor: Actor, backlog: number): number {
    if (this.address.kind === 'unnamed' || this.peer !== undefined) return -Errno.EINVAL;
    this.#backlog = Math.min(backlog >>> 0, SOMAXCONN);
    this.#listening = true;
    this.peerCredentials = ucredOf(actor);
    this.#waiting.wake();
    return 0;
  }

  override connect(actor: Actor, address: Buffer): number {
    const listener = this.find(actor, address);
    if (typeof listener === 'number') return listener;
    if (this.#listening) return -Errno.EINVAL;
    if (this.peer !== undefined) return -Errno.EISCONN;
    if (!(listener instanceof UnixConnection) || !listener.#listening) return -Errno.ECONNREFUSED;
    if (listener.ended & RECEIVE_ENDED) return -Errno.ECONNREFUSED;
    if (listener.#arrived.length > listener.#backlog) {
      listener.#waiting.add(this);
      return -Errno.EAGAIN;
    }
    const error = this.autobind(actor);
    if (error < 0) return error;
    return this.#arriveAt(listener, actor);
  }

  #arriveAt(listener: UnixConnection, actor: Actor): number {
    if (!this.network.hasRoom) return -Errno.ENOMEM;
    const accepted = new UnixConnection(this.network, this.kind, actor);
    accepted.waitsForAccept = true;
    accepted.address = listener.address;
    accepted.options.inherit(listener.options);
    this.peer = accepted;
    accepted.peer = this;
    accepted.peerCredentials = ucredOf(actor);
    this.peerCredentials = listener.peerCredentials;
    listener.#arrived.push(accepted);
    listener.queue.wake(POLL_READABLE);
    this.wakeAll();
    return 0;
  }

  override accept(): UnixConnection | number {
    if (!this.#listening) return -Errno.EINVAL;
    const accepted = this.#arrived.shift();
    if (accepted === undefined) {
      return this.ended & RECEIVE_ENDED ? -Errno.EINVAL : -Errno.EAGAIN;
    }
    accepted.waitsForAccept = false;
    this.#waiting.wake();
    return accepted;
  }

  override send(source: Source, message: Outgoing): number {
    const { peer } = this;
    if (message.flags & Msg.OOB) return -Errno.EOPNOTSUPP;
    if (message.address !== undefined && this.isStream) {
      return peer === undefined ? -Errno.EOPNOTSUPP : -Errno.EISCONN;
    }
    if (!this.isStream && this.pendingError !== 0) return this.takeError();
    if (peer === undefined) return -Errno.ENOTCONN;
    if (this.ended & SEND_ENDED || peer.closed || peer.ended & RECEIVE_ENDED) return -Errno.EPIPE;
    if (this.isStream && source.remaining === 0) return 0;
    const limit = this.options.sendBuffer;
    if (!this.isStream && source.remaining > limit - 32) return -Errno.EMSGSIZE;
    const count = peer.inbox.put(source, this.attachmentsFor(peer, message), limit);
    if (count >= 0) peer.queue.wake(POLL_READABLE);
    return count;
  }

  override receive(sink: Sink, into: Incoming): number {
    if (this.peer === undefined) return this.isStream ? -Errno.EINVAL : -Errno.ENOTCONN;
    if (into.request & Msg.OOB) return this.isStream ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
    if (this.isStream && sink.room === 0) return 0;
    if (this.inbox.isEmpty) {
      if (this.pendingError !== 0) return this.takeError();
      return this.ended & RECEIVE_ENDED ? 0 : -Errno.EAGAIN;
    }
    const count = this.take(sink, into);
    if (this.isStream) into.address = this.peer.senderName;
    if (!into.peeks) this.#tellRoom();
    return count;
  }

  /** Who waits to send is told once half of the buffer is free: fewer and larger turns. */
  #tellRoom(): void {
    const { peer } = this;
    if (peer !== undefined && this.inbox.used * 2 <= peer.options.sendBuffer) {
      peer.queue.wake(POLL_WRITABLE);
    }
  }

  protected override get sentAndWaiting(): number {
    return this.peer?.inbox.used ?? 0;
  }

  override shutdown(how: number): number {
    const halves = halvesOf(how);
    if (halves < 0) return halves;
    this.ended |= halves;
    this.wakeAll();
    const { peer } = this;
    if (peer !== undefined) {
      if (halves & SEND_ENDED) peer.ended |= RECEIVE_ENDED;
      if (halves & RECEIVE_ENDED) peer.ended |= SEND_ENDED;
      peer.wakeAll();
    }
    return 0;
  }

  override poll(): number {
    if (this.#listening) return this.#arrived.length > 0 ? POLL_READABLE : 0;
    let events = this.pendingError === 0 ? 0 : Poll.ERR;
    if (this.ended === BOTH_ENDED || this.peer === undefined) events |= Poll.HUP;
    if (this.ended & RECEIVE_ENDED) events |= Poll.RDHUP | POLL_READABLE;
    if (!this.inbox.isEmpty) events |= POLL_READABLE;
    if (this.sentAndWaiting * 4 <= this.options.sendBuffer) events |= POLL_WRITABLE | Poll.WRBAND;
    return events;
  }

  override *heldFiles(): Generator<OpenFile> {
    yield* super.heldFiles();
    for (const connection of this.#arrived) yield* connection.heldFiles();
  }

  protected override onClose(): void {
    const { peer } = this;
    const unread = !this.inbox.isEmpty || this.waitsForAccept;
    super.onClose();
    this.#waiting.wake();
    for (const connection of this.#arrived.splice(0)) connection.decRef();
    if (peer === undefined || peer.closed) return;
    peer.ended = BOTH_ENDED;
    if (unread) peer.pendingError = Errno.ECONNRESET;
    peer.wakeAll();
  }
}

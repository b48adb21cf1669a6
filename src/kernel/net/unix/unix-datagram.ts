/** AF_UNIX sockets without connections: SOCK_DGRAM. Nothing is lost: a sender waits where a receiver is full. */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Af, Msg } from '../../abi/socket.js';
import type { Actor } from '../actor.js';
import type { Incoming, Outgoing, Sink, Source } from '../message.js';
import type { Network } from '../network.js';
import { PACKET_OVERHEAD } from '../packet-queue.js';
import { halvesOf, RECEIVE_ENDED, SEND_ENDED, type SocketKind } from '../socket.js';
import { WaitingSockets } from '../waiting-sockets.js';
import { MessageInbox } from './inbox.js';
import { UnixSocket } from './unix-socket.js';

/** /proc/sys/net/unix/max_dgram_qlen. */
const QUEUE_LENGTH = 10;
const BOTH_ENDED = RECEIVE_ENDED | SEND_ENDED;

export class UnixDatagram extends UnixSocket {
  declare readonly inbox: MessageInbox;
  declare peer: UnixDatagram | undefined;
  #sent = 0;
  /** Those who found it full. */
  readonly #senders = new WaitingSockets();

  constructor(network: Network, kind: SocketKind, actor: Pick<Actor, 'pid' | 'credentials'>) {
    super(network, kind, actor, new MessageInbox(network.kernelMemory, network.rights));
  }

  get #isFull(): boolean {
    return this.inbox.count > QUEUE_LENGTH;
  }

  override connect(actor: Actor, address: Buffer): number {
    if (address.length >= 2 && address.readUInt16LE(0) === Af.UNSPEC) {
      this.peer = undefined;
      return 0;
    }
    const error = this.autobind(actor);
    if (error < 0) return error;
    const found = this.#receiverAt(actor, address);
    if (typeof found === 'number') return found;
    this.peer = found;
    return 0;
  }

  /** The socket at an address, where it may be sent to: -EPERM where it only talks to another. */
  #receiverAt(actor: Actor, address: Buffer): UnixDatagram | number {
    const found = this.find(actor, address);
    if (typeof found === 'number') return found;
    if (!(found instanceof UnixDatagram)) return -Errno.EPROTOTYPE;
    return this.#maySendTo(found) ? found : -Errno.EPERM;
  }

  #maySendTo(receiver: UnixDatagram): boolean {
    return receiver.peer === undefined || receiver.peer === this;
  }

  #receiverOf({ address, actor }: Outgoing): UnixDatagram | number {
    if (address !== undefined && actor !== undefined) return this.#receiverAt(actor, address);
    const { peer } = this;
    if (peer === undefined) return -Errno.ENOTCONN;
    if (peer.closed) {
      this.peer = undefined;
      return -Errno.ECONNREFUSED;
    }
    return this.#maySendTo(peer) ? peer : -Errno.EPERM;
  }

  override send(source: Source, message: Outgoing): number {
    if (message.flags & Msg.OOB) return -Errno.EOPNOTSUPP;
    const error = this.autobind(message.actor);
    if (error < 0) return error;
    const receiver = this.#receiverOf(message);
    if (typeof receiver === 'number') return receiver;
    const limit = this.options.sendBuffer;
    if (source.remaining > limit - 32) return -Errno.EMSGSIZE;
    if (this.ended & SEND_ENDED || receiver.ended & RECEIVE_ENDED) return -Errno.EPIPE;
    const charge = source.remaining + PACKET_OVERHEAD;
    // Two that are connected to each other count the bytes alone.
    const isFull = receiver.peer !== this && receiver.#isFull;
    if (isFull || (this.#sent > 0 && this.#sent + charge > limit)) {
      receiver.#senders.add(this);
      return -Errno.EAGAIN;
    }
    return this.#give(receiver, source, message, charge);
  }

  #give(receiver: UnixDatagram, source: Source, message: Outgoing, charge: number): number {
    const onGone = (): void => {
      this.#sent -= charge;
      this.queue.wake(POLL_WRITABLE);
    };
    const attached = { ...this.attachmentsFor(receiver, message), onGone };
    const count = receiver.inbox.put(source, attached, Infinity);
    if (count >= 0) {
      this.#sent += charge;
      receiver.queue.wake(POLL_READABLE);
    }
    return count;
  }

  override receive(sink: Sink, into: Incoming): number {
    if (into.request & Msg.OOB) return -Errno.EOPNOTSUPP;
    if (this.inbox.isEmpty) {
      if (this.pendingError !== 0) return this.takeError();
      return this.nothingToReceive(into);
    }
    const count = this.take(sink, into);
    if (!into.peeks) this.#senders.wake();
    return count;
  }

  protected override get sentAndWaiting(): number {
    return this.#sent;
  }

  override shutdown(how: number): number {
    const halves = halvesOf(how);
    if (halves < 0) return halves;
    this.ended |= halves;
    this.wakeAll();
    this.#senders.wake();
    return 0;
  }

  override poll(): number {
    let events = this.pendingError === 0 ? 0 : Poll.ERR;
    if (this.ended === BOTH_ENDED) events |= Poll.HUP;
    if (this.ended & RECEIVE_ENDED) events |= Poll.RDHUP | POLL_READABLE;
    if (!this.inbox.isEmpty) events |= POLL_READABLE;
    if (this.#writable) events |= POLL_WRITABLE | Poll.WRBAND;
    return events;
  }

  get #writable(): boolean {
    const { peer } = this;
    if (this.#sent * 4 > this.options.sendBuffer) return false;
    if (peer === undefined || peer.peer === this || !peer.#isFull) return true;
    peer.#senders.add(this);
    return false;
  }

  protected override onClose(): void {
    super.onClose();
    this.#senders.wake();
  }
}

/** What the sockets of AF_UNIX have in common, unix(7): a name, credentials, an inbox. */
import type { OpenFile } from '../../fs/open-file.js';
import { Errno } from '../../abi/errno.js';
import { SOL_SOCKET, So } from '../../abi/socket.js';
import { type Actor, type Ucred, ucredOf } from '../actor.js';
import type { Incoming, Outgoing, Sink, Source } from '../message.js';
import type { Network } from '../network.js';
import { Socket, type SocketKind } from '../socket.js';
import type { Attachments, UnixInbox } from './inbox.js';
import { encodeUnixAddress, parseUnixAddress, type UnixAddress } from './unix-address.js';

const UNNAMED: UnixAddress = { kind: 'unnamed' };
/** SO_PEERCRED where there is no other end. */
const NO_PEER: Ucred = { pid: 0, uid: 0xffffffff, gid: 0xffffffff };

export abstract class UnixSocket extends Socket {
  address = UNNAMED;
  /** Names the file it is bound to. */
  place: string | undefined;
  /** The other end, or where a datagram socket sends to. It may be closed by now. */
  peer: UnixSocket | undefined;
  peerCredentials = NO_PEER;
  readonly owner: Ucred;
  /** Nobody has a descriptor yet: accept(2) will give one. */
  waitsForAccept = false;

  constructor(
    network: Network,
    kind: SocketKind,
    actor: Pick<Actor, 'pid' | 'credentials'>,
    readonly inbox: UnixInbox,
  ) {
    super(network, kind);
    this.owner = ucredOf(actor);
  }

  /** socketpair(2): two ends, joined. */
  override pairWith(other: Socket): boolean {
    if (!(other instanceof UnixSocket)) return false;
    this.peer = other;
    other.peer = this;
    this.peerCredentials = other.owner;
    other.peerCredentials = this.owner;
    return true;
  }

  override bind(actor: Actor, address: Buffer): number {
    const parsed = parseUnixAddress(address);
    if (typeof parsed === 'number') return parsed;
    if (this.address.kind !== 'unnamed') return this.#refuseSecondName(parsed, actor);
    const bound = this.network.unixNames.bind(this, parsed, actor);
    if (typeof bound === 'number') return bound;
    this.address = bound;
    return 0;
  }

  /** Linux looks first whether the path is free. */
  #refuseSecondName(address: UnixAddress, actor: Actor): number {
    if (address.kind === 'unnamed') return 0;
    const isTaken = address.kind === 'path' && actor.places.find(address.path) !== -Errno.ENOENT;
    return isTaken ? -Errno.EADDRINUSE : -Errno.EINVAL;
  }

  /** Who tells its credentials needs a name to be answered. */
  protected autobind(actor: Actor | undefined): number {
    if (!this.options.isOn(So.PASSCRED) || this.address.kind !== 'unnamed') return 0;
    return actor === undefined ? 0 : this.bind(actor, encodeUnixAddress(UNNAMED));
  }

  /** The socket of its own type that is bound to a name; -errno. */
  protected find(actor: Actor, address: Buffer): UnixSocket | number {
    const parsed = parseUnixAddress(address);
    if (typeof parsed === 'number') return parsed;
    const found = this.network.unixNames.find(parsed, actor);
    if (typeof found === 'number') return found;
    return found.kind.type === this.kind.type ? found : -Errno.EPROTOTYPE;
  }

  override localName(): Buffer {
    return encodeUnixAddress(this.address);
  }

  override peerName(): Buffer | number {
    return this.peer?.localName() ?? -Errno.ENOTCONN;
  }

  /** The name as a message shows it: an unnamed sender has none. */
  protected get senderName(): Buffer | undefined {
    return this.address.kind === 'unnamed' ? undefined : this.localName();
  }

  /** What a message to `receiver` carries. */
  protected attachmentsFor(receiver: UnixSocket, message: Outgoing): Attachments {
    const asked = this.options.isOn(So.PASSCRED) || receiver.options.isOn(So.PASSCRED);
    const sender = message.actor === undefined ? this.owner : ucredOf(message.actor);
    const credentials =
      message.credentials ?? (asked || receiver.waitsForAccept ? sender : undefined);
    return { address: this.senderName, credentials, rights: message.rights ?? [] };
  }

  protected take(sink: Sink, into: Incoming): number {
    return this.inbox.take(sink, into, this.options.isOn(So.PASSCRED));
  }

  abstract override send(source: Source, message: Outgoing): number;

  override getOption(level: number, name: number): Buffer | number {
    if (level !== SOL_SOCKET) return -Errno.EOPNOTSUPP;
    switch (name) {
      case So.PEERCRED: {
        const bytes = Buffer.alloc(12);
        bytes.writeInt32LE(this.peerCredentials.pid, 0);
        bytes.writeUInt32LE(this.peerCredentials.uid, 4);
        bytes.writeUInt32LE(this.peerCredentials.gid, 8);
        return bytes;
      }
      case So.PEERGROUPS:
        return this.peerCredentials === NO_PEER ? -Errno.ENODATA : Buffer.alloc(0);
      default:
        return super.getOption(level, name);
    }
  }

  protected override setProtocolOption(): number {
    return -Errno.EOPNOTSUPP;
  }

  protected override available(): number {
    return this.isListening ? -Errno.EINVAL : this.inbox.available;
  }

  protected override outstanding(): number {
    return this.isListening ? -Errno.EINVAL : this.sentAndWaiting;
  }

  /** As much of what it sent as was not received, as it counts against SO_SNDBUF. */
  protected abstract readonly sentAndWaiting: number;

  /** Files that wait in its inbox, and in what it would give to accept(2). */
  heldFiles(): Iterable<OpenFile> {
    return this.inbox.files();
  }

  /** Drops what was received: nobody can take it any more. */
  dropReceived(): void {
    this.inbox.clear();
  }

  override abandon(): void {
    this.dropReceived();
  }

  /** Where only messages hold it now, they may be messages that nobody can receive. */
  override decRef(): void {
    super.decRef();
    const { rights } = this.network;
    if (!this.closed && rights.holdAll(this)) rights.collect(this.network);
  }

  protected override onClose(): void {
    super.onClose();
    this.network.unixNames.release(this);
    this.dropReceived();
  }
}

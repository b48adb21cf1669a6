/** A netlink socket to the kernel, netlink(7): NETLINK_ROUTE alone. */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Af, Msg, SOL_NETLINK } from '../../abi/socket.js';
import type { Actor } from '../actor.js';
import { type Incoming, type Outgoing, type Sink, type Source, takeMessage } from '../message.js';
import { IntOptions, intValue, type IntOptionTable } from '../int-options.js';
import type { Network } from '../network.js';
import { PacketQueue } from '../packet-queue.js';
import { familyOf } from '../inet/ip-address.js';
import { Socket, type SocketKind } from '../socket.js';
import { readRequests } from './netlink-message.js';
import { answerRoute } from './route-requests.js';

const ADDRESS_SIZE = 12;
const LARGEST = 65536;
/** NETLINK_ADD_MEMBERSHIP and NETLINK_DROP_MEMBERSHIP: nothing is ever told to groups. */
const MEMBERSHIP: ReadonlySet<number> = new Set([1, 2]);
/** NETLINK_PKTINFO, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK and their kin. */
const OPTIONS: IntOptionTable = new Map(
  [3, 4, 5, 8, 10, 11, 12].map((name) => [name, { initial: 0, isFlag: true }]),
);

/** struct sockaddr_nl. */
function encodeAddress(port: number): Buffer {
  const bytes = Buffer.alloc(ADDRESS_SIZE);
  bytes.writeUInt16LE(Af.NETLINK, 0);
  bytes.writeUInt32LE(port, 4);
  return bytes;
}

export class NetlinkSocket extends Socket {
  readonly #packets: PacketQueue;
  readonly #netlinkOptions = new IntOptions(OPTIONS);
  #port = 0;

  constructor(network: Network, kind: SocketKind) {
    super(network, kind);
    this.#packets = new PacketQueue(network.kernelMemory);
  }

  override bind(actor: Actor, address: Buffer): number {
    if (address.length < ADDRESS_SIZE || familyOf(address) !== Af.NETLINK) return -Errno.EINVAL;
    const wanted = address.readUInt32LE(4);
    if (this.#port !== 0) return wanted === this.#port || wanted === 0 ? 0 : -Errno.EINVAL;
    if (wanted === 0) return this.#autobind(actor.pid);
    const taken = this.network.netlinkPorts.has(wanted);
    return taken ? -Errno.EADDRINUSE : this.#take(wanted);
  }

  /** The first socket of a process has its pid for a port. */
  #autobind(pid: number): number {
    const { netlinkPorts } = this.network;
    let port = pid;
    for (let next = 0xffffefff; netlinkPorts.has(port); next--) port = next;
    return this.#take(port);
  }

  #take(port: number): number {
    this.#port = port;
    this.network.netlinkPorts.add(port);
    return 0;
  }

  /** Nobody is there but the kernel, which has port 0. */
  override connect(actor: Actor, address: Buffer): number {
    if (address.length < ADDRESS_SIZE || familyOf(address) !== Af.NETLINK) return -Errno.EINVAL;
    if (address.readUInt32LE(4) !== 0) return -Errno.ECONNREFUSED;
    return this.#port === 0 ? this.#autobind(actor.pid) : 0;
  }

  override localName(): Buffer {
    return encodeAddress(this.#port);
  }

  override peerName(): Buffer {
    return encodeAddress(0);
  }

  override send(source: Source, message: Outgoing): number {
    if (message.flags & Msg.OOB) return -Errno.EOPNOTSUPP;
    const { address, actor } = message;
    if (address !== undefined) {
      if (address.length < ADDRESS_SIZE || familyOf(address) !== Af.NETLINK) return -Errno.EINVAL;
      if (address.readUInt32LE(4) !== 0) return -Errno.ECONNREFUSED;
    }
    if (source.remaining > LARGEST) return -Errno.EMSGSIZE;
    if (this.#port === 0) this.#autobind(actor?.pid ?? 1);
    const data = takeMessage(source);
    if (typeof data === 'number') return data;
    for (const request of readRequests(Buffer.from(data))) {
      for (const answer of answerRoute(request, this.#port)) this.#arrive(answer);
    }
    return data.length;
  }

  /** What there is no room for is lost, and recv(2) says so. */
  #arrive(data: Buffer): void {
    const fits = this.#packets.charge + data.length <= this.options.receiveBuffer;
    if (!fits || !this.#packets.push({ data, address: encodeAddress(0) })) {
      this.pendingError = Errno.ENOBUFS;
    }
    this.queue.wake(POLL_READABLE);
  }

  override receive(sink: Sink, into: Incoming): number {
    if (into.request & Msg.OOB) return -Errno.EOPNOTSUPP;
    const packet = this.#packets.first;
    if (this.pendingError !== 0) return this.takeError();
    if (packet === undefined) return -Errno.EAGAIN;
    const count = this.#packets.deliver(packet, sink, into);
    if (!into.peeks) this.#packets.shift();
    return count;
  }

  protected override setProtocolOption(level: number, name: number, value: Buffer): number {
    if (level !== SOL_NETLINK) return -Errno.ENOPROTOOPT;
    if (value.length < 4) return -Errno.EINVAL;
    if (MEMBERSHIP.has(name)) return 0;
    return this.#netlinkOptions.set(name, value.readInt32LE(0)) ?? -Errno.ENOPROTOOPT;
  }

  protected override getProtocolOption(level: number, name: number): Buffer | number {
    const value = level === SOL_NETLINK ? this.#netlinkOptions.get(name) : undefined;
    return value === undefined ? -Errno.ENOPROTOOPT : intValue(value);
  }

  override poll(): number {
    const events = POLL_WRITABLE | Poll.WRBAND | (this.pendingError === 0 ? 0 : Poll.ERR);
    return this.#packets.count > 0 ? events | POLL_READABLE : events;
  }

  protected override onClose(): void {
    super.onClose();
    this.network.netlinkPorts.delete(this.#port);
    this.#packets.clear();
  }
}

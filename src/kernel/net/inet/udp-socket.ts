/** A UDP socket, udp(7). */
import { Errno } from '../../abi/errno.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../../abi/poll.js';
import { Af, IpOption, IpProto, Ipv6Option, Msg, So } from '../../abi/socket.js';
import type { Actor } from '../actor.js';
import { type Incoming, type Outgoing, takeMessage } from '../message.js';
import type { Sink, Source } from '../message.js';
import type { Network } from '../network.js';
import { PACKET_OVERHEAD, PacketQueue } from '../packet-queue.js';
import { halvesOf, RECEIVE_ENDED, SEND_ENDED, type SocketKind } from '../socket.js';
import { controlFor, type Datagram, type Wishes, wishesOf } from './datagram.js';
import { DEFAULT_HOPS } from './inet-options.js';
import { InetSocket } from './inet-socket.js';
import {
  covers,
  encodeEndpoint,
  type Endpoint,
  familyOf,
  type IpAddress,
  isAny,
  isBroadcast,
  isLoopback,
  isMulticast,
  isV4,
  parseEndpoint,
} from './ip-address.js';

const LARGEST_4 = 65507;
const LARGEST_6 = 65527;
/** UDPLITE_SEND_CSCOV and UDPLITE_RECV_CSCOV. */
const COVERAGE: ReadonlySet<number> = new Set([10, 11]);

/** A way out of the sandbox for one socket. */
export interface UdpOutlet {
  send(data: Uint8Array, to: Endpoint): void;
  close(): void;
}

export class UdpSocket extends InetSocket {
  readonly #packets: PacketQueue;
  #outlet: UdpOutlet | undefined;
  #portChosen = false;

  constructor(network: Network, kind: SocketKind, uid: number) {
    super(network, kind, uid, network.datagramPorts(kind.protocol));
    this.#packets = new PacketQueue(network.kernelMemory);
  }

  protected override sharesWith(other: InetSocket): boolean {
    if (this.options.isOn(So.REUSEPORT) && other.options.isOn(So.REUSEPORT)) {
      return this.uid === other.uid;
    }
    return this.options.isOn(So.REUSEADDR) && other.options.isOn(So.REUSEADDR);
  }

  override bind(actor: Actor, bytes: Buffer): number {
    const result = super.bind(actor, bytes);
    if (result === 0) this.#portChosen = true;
    return result;
  }

  override connect(_actor: Actor, bytes: Buffer): number {
    if (familyOf(bytes) === Af.UNSPEC) return this.#disconnect();
    const wanted = this.#parse(bytes);
    if (typeof wanted === 'number') return wanted;
    const remote = this.normalize(wanted);
    const error = this.#checkRoute(remote.address) || this.autobind();
    if (error < 0) return error;
    this.remote = remote;
    this.local = { ...this.local, address: this.#sourceOf(remote.address) };
    return 0;
  }

  #sourceOf(remote: IpAddress): IpAddress {
    const outside = isLoopback(remote) || isMulticast(remote) ? undefined : this.network.host;
    return outside?.sourceFor(remote) ?? this.sourceFor(remote);
  }

  #disconnect(): number {
    this.remote = undefined;
    if (!this.addressChosen) this.local = { ...this.local, address: this.anyAddress };
    if (!this.#portChosen && this.isBound) this.releasePort();
    return 0;
  }

  /** A socket of IPv6 takes addresses of IPv4 too. */
  #parse(bytes: Buffer): Endpoint | number {
    return parseEndpoint(
      bytes,
      this.isV6 && familyOf(bytes) === Af.INET ? Af.INET : this.kind.domain,
    );
  }

  /** Whether there is a way to an address: 0, -EACCES for broadcast unasked, -ENETUNREACH. */
  #checkRoute(address: IpAddress): number {
    if (isV4(address) && this.only6) return -Errno.ENETUNREACH;
    if (isBroadcast(address)) {
      return this.options.isOn(So.BROADCAST) ? -Errno.ENETUNREACH : -Errno.EACCES;
    }
    if (isLoopback(address)) return 0;
    if (isMulticast(address)) return this.sendsToGroups ? 0 : -Errno.ENETUNREACH;
    return this.network.host?.reaches(address) ? 0 : -Errno.ENETUNREACH;
  }

  #destination({ address }: Outgoing): Endpoint | number {
    if (address === undefined) return this.remote ?? -Errno.EDESTADDRREQ;
    if (familyOf(address) === Af.UNSPEC && this.remote !== undefined) return this.remote;
    const wanted = this.#parse(address);
    if (typeof wanted === 'number') return wanted;
    return wanted.port === 0 ? -Errno.EINVAL : this.normalize(wanted);
  }

  override send(source: Source, message: Outgoing): number {
    if (message.flags & Msg.OOB) return -Errno.EOPNOTSUPP;
    const length = source.remaining;
    if (length > (this.isV6 ? LARGEST_6 : LARGEST_4)) return -Errno.EMSGSIZE;
    const to = this.#destination(message);
    if (typeof to === 'number') return to;
    if (length > LARGEST_4 && isV4(to.address)) return -Errno.EMSGSIZE;
    const error = this.#checkRoute(to.address) || this.autobind();
    if (error < 0) return error;
    if (this.ended & SEND_ENDED) return -Errno.EPIPE;
    if (this.pendingError !== 0) return this.takeError();
    const data = takeMessage(source);
    if (typeof data === 'number') return data;
    const wishes = wishesOf(message.control ?? []);
    const from = {
      address: wishes.source ?? this.#sourceOf(to.address),
      port: this.local.port,
    };
    this.#deliver({ data, from, to, ...this.#headerFor(to.address, wishes) });
    return length;
  }

  /** Fields of the IP header that a receiver may ask for. */
  #headerFor(to: IpAddress, wishes: Wishes): { hops: number; trafficClass: number } {
    const { ipOptions, ipv6Options } = this;
    const [hops, trafficClass] = isV4(to)
      ? [ipOptions.get(IpOption.TTL), ipOptions.get(IpOption.TOS)]
      : [ipv6Options.get(Ipv6Option.UNICAST_HOPS), ipv6Options.get(Ipv6Option.TCLASS)];
    return {
      hops: wishes.hops ?? hops ?? DEFAULT_HOPS,
      trafficClass: Math.max(0, wishes.trafficClass ?? trafficClass ?? 0),
    };
  }

  #deliver(datagram: Datagram): void {
    const { data, from, to } = datagram;
    const { host } = this.network;
    if (isMulticast(to.address)) {
      for (const member of this.network.membersOf(this.ports, to)) member.arrive(datagram);
      return;
    }
    const isLocal = isLoopback(to.address);
    const receiver = isLocal ? this.network.findReceiver(this.ports, to, from) : undefined;
    if (receiver !== undefined) {
      receiver.arrive(datagram);
    } else if (host?.takesDatagrams(to)) {
      this.#outlet ??= host.openOutlet(this);
      this.#outlet.send(data, to);
    } else if (this.#expects(to)) {
      this.fail(Errno.ECONNREFUSED);
    }
  }

  /** An answer from a port where nobody is finds the socket that is connected there. */
  #expects({ address, port }: Endpoint): boolean {
    return this.remote?.address === address && this.remote.port === port;
  }

  /** An error has come back for what was sent. */
  fail(errno: number): void {
    this.pendingError = errno;
    this.wakeAll();
  }

  /** How well it is meant by a packet; -1: not at all. */
  match(to: Endpoint, from: Endpoint): number {
    if (!covers(this.local.address, this.only6, to.address)) return -1;
    const { remote } = this;
    if (remote === undefined) return isAny(this.local.address) ? 0 : 1;
    return remote.port === from.port && remote.address === from.address ? 4 : -1;
  }

  /** A packet comes in; there is no complaint where it has no room. */
  arrive(datagram: Datagram): void {
    const { data, from } = datagram;
    const size = data.length + PACKET_OVERHEAD;
    const { receiveBuffer } = this.options;
    if (this.#packets.charge > 0 && this.#packets.charge + size > receiveBuffer) return;
    const address = encodeEndpoint(from, this.kind.domain);
    const control = controlFor(this, datagram);
    if (this.#packets.push({ data, address, control })) this.queue.wake(POLL_READABLE);
  }

  override receive(sink: Sink, into: Incoming): number {
    if (into.request & Msg.ERRQUEUE) return -Errno.EAGAIN;
    const packet = this.#packets.first;
    if (packet === undefined || this.pendingError !== 0) {
      if (this.pendingError !== 0) return this.takeError();
      return this.nothingToReceive(into);
    }
    const count = this.#packets.deliver(packet, sink, into);
    if (count >= 0) into.control.push(...(packet.control ?? []));
    if (!into.peeks) this.#packets.shift();
    return count;
  }

  protected override setProtocolOption(level: number, name: number, value: Buffer): number {
    // Checksums that cover a part, of UDP-Lite: nothing is ever damaged here.
    const isCoverage = level === IpProto.UDPLITE && level === this.kind.protocol;
    return isCoverage && COVERAGE.has(name) ? 0 : super.setProtocolOption(level, name, value);
  }

  override shutdown(how: number): number {
    const halves = halvesOf(how);
    if (halves < 0) return halves;
    this.ended |= halves;
    this.wakeAll();
    return this.remote === undefined ? -Errno.ENOTCONN : 0;
  }

  override poll(): number {
    let events = POLL_WRITABLE | Poll.WRBAND;
    if (this.pendingError !== 0) events |= Poll.ERR;
    if (this.ended & RECEIVE_ENDED) events |= POLL_READABLE | Poll.RDHUP;
    if (this.ended === (RECEIVE_ENDED | SEND_ENDED)) events |= Poll.HUP;
    return this.#packets.count > 0 ? events | POLL_READABLE : events;
  }

  protected override available(): number {
    return this.#packets.firstLength;
  }

  protected override outstanding(): number {
    return 0;
  }

  /** Bytes that wait, for /proc/net/udp. */
  get waiting(): number {
    return this.#packets.charge;
  }

  override abandon(): void {
    this.#outlet?.close();
    this.#outlet = undefined;
  }

  protected override onClose(): void {
    super.onClose();
    this.abandon();
    this.#packets.clear();
  }
}

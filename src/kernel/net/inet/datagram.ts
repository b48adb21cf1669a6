/** A packet of UDP on its way, and the control messages about it: ip(7), ipv6(7). */
import { IpOption, IpProto, Ipv6Option } from '../../abi/socket.js';
import { LOOPBACK_INDEX } from '../interface-ioctl.js';
import { intValue } from '../int-options.js';
import type { ControlMessage } from '../message.js';
import type { InetSocket } from './inet-socket.js';
import {
  bytesOf,
  type Endpoint,
  fromIpv4,
  fromIpv6,
  type IpAddress,
  isLoopback,
  isV4,
  mappedBytes,
} from './ip-address.js';

export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** TTL, or hop limit. */
  readonly hops: number;
  /** Type of service, or traffic class. */
  readonly trafficClass: number;
}

/** What a program says of one packet that it sends. */
export interface Wishes {
  source?: IpAddress;
  hops?: number;
  trafficClass?: number;
}

export function wishesOf(control: readonly ControlMessage[]): Wishes {
  const wishes: Wishes = {};
  for (const message of control) {
    if (message.level === IpProto.IP) readWish4(message, wishes);
    if (message.level === IpProto.IPV6) readWish6(message, wishes);
  }
  return wishes;
}

function readWish4({ type, data }: ControlMessage, wishes: Wishes): void {
  // struct in_pktinfo: ipi_spec_dst is the address to send from.
  const source = type === IpOption.PKTINFO && data.length >= 12 ? fromIpv4(data, 4) : undefined;
  if (source !== undefined && isLoopback(source)) wishes.source = source;
  if (data.length < 4) return;
  if (type === IpOption.TTL) wishes.hops = data.readInt32LE(0) & 0xff;
  if (type === IpOption.TOS) wishes.trafficClass = data.readInt32LE(0) & 0xff;
}

function readWish6({ type, data }: ControlMessage, wishes: Wishes): void {
  const source = type === Ipv6Option.PKTINFO && data.length >= 20 ? fromIpv6(data, 0) : undefined;
  if (source !== undefined && isLoopback(source)) wishes.source = source;
  if (data.length < 4) return;
  const value = data.readInt32LE(0);
  if (type === Ipv6Option.HOPLIMIT && value >= 0) wishes.hops = value & 0xff;
  if (type === Ipv6Option.TCLASS && value >= 0) wishes.trafficClass = value & 0xff;
}

/** What the receiving program asked to know of each packet. */
export function controlFor(
  { ipOptions: ip, ipv6Options: ip6 }: InetSocket,
  { to: { address }, hops, trafficClass }: Datagram,
): readonly ControlMessage[] | undefined {
  const control: ControlMessage[] = [];
  const add = (level: number, type: number, data: Buffer): void => {
    control.push({ level, type, data });
  };
  if (isV4(address)) {
    if (ip.isOn(IpOption.PKTINFO)) add(IpProto.IP, IpOption.PKTINFO, packetInfo4(address));
    if (ip.isOn(IpOption.RECVTTL)) add(IpProto.IP, IpOption.TTL, intValue(hops));
    if (ip.isOn(IpOption.RECVTOS)) add(IpProto.IP, IpOption.TOS, Buffer.of(trafficClass));
  }
  if (ip6.isOn(Ipv6Option.RECVPKTINFO)) {
    add(IpProto.IPV6, Ipv6Option.PKTINFO, packetInfo6(address));
  }
  if (ip6.isOn(Ipv6Option.RECVHOPLIMIT)) add(IpProto.IPV6, Ipv6Option.HOPLIMIT, intValue(hops));
  if (ip6.isOn(Ipv6Option.RECVTCLASS)) {
    add(IpProto.IPV6, Ipv6Option.TCLASS, intValue(trafficClass));
  }
  return control.length === 0 ? undefined : control;
}

/** struct in_pktinfo. */
function packetInfo4(to: IpAddress): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeInt32LE(LOOPBACK_INDEX, 0);
  bytesOf(to).copy(bytes, 4);
  bytesOf(to).copy(bytes, 8);
  return bytes;
}

/** struct in6_pktinfo. */
function packetInfo6(to: IpAddress): Buffer {
  const bytes = Buffer.alloc(20);
  mappedBytes(to).copy(bytes, 0);
  bytes.writeInt32LE(LOOPBACK_INDEX, 16);
  return bytes;
}

/** Options of IPPROTO_IP, IPPROTO_IPV6 and IPPROTO_TCP that are one int: ip(7), ipv6(7), tcp(7). */
import { IpOption, Ipv6Option, TcpOption } from '../../abi/socket.js';
import type { IntOption, IntOptionTable } from '../int-options.js';

const FLAG: IntOption = { initial: 0, isFlag: true };
const ON: IntOption = { initial: 1, isFlag: true };
/** IP_PMTUDISC_WANT. */
const DISCOVERY: IntOption = { initial: 1, min: 0, max: 5 };
/** -1 asks for the default. */
const HOPS: IntOption = { initial: 64, min: -1, max: 255 };
export const DEFAULT_HOPS = 64;

export const IP_OPTIONS: IntOptionTable = new Map<number, IntOption>([
  [IpOption.TOS, { initial: 0 }],
  [IpOption.TTL, HOPS],
  [IpOption.PKTINFO, FLAG],
  [IpOption.MTU_DISCOVER, DISCOVERY],
  [IpOption.RECVERR, FLAG],
  [IpOption.RECVTTL, FLAG],
  [IpOption.RECVTOS, FLAG],
  [IpOption.FREEBIND, FLAG],
  [IpOption.BIND_ADDRESS_NO_PORT, FLAG],
  [IpOption.MINTTL, { initial: 0, min: 0, max: 255 }],
  [IpOption.MULTICAST_TTL, { initial: 1, min: -1, max: 255 }],
  [IpOption.MULTICAST_LOOP, ON],
  [IpOption.MULTICAST_ALL, ON],
]);

export const IPV6_OPTIONS: IntOptionTable = new Map<number, IntOption>([
  [Ipv6Option.UNICAST_HOPS, HOPS],
  [Ipv6Option.MULTICAST_IF, { initial: 0 }],
  [Ipv6Option.MULTICAST_HOPS, { initial: 1, min: -1, max: 255 }],
  [Ipv6Option.MULTICAST_LOOP, ON],
  [Ipv6Option.MTU_DISCOVER, DISCOVERY],
  [Ipv6Option.RECVERR, FLAG],
  [Ipv6Option.V6ONLY, FLAG],
  [Ipv6Option.RECVPKTINFO, FLAG],
  [Ipv6Option.RECVHOPLIMIT, FLAG],
  [Ipv6Option.RECVTCLASS, FLAG],
  [Ipv6Option.DONTFRAG, FLAG],
  [Ipv6Option.AUTOFLOWLABEL, ON],
  [Ipv6Option.MINHOPCOUNT, { initial: 0, min: 0, max: 255 }],
  [Ipv6Option.TCLASS, { initial: 0, min: -1, max: 255 }],
]);

export const TCP_OPTIONS: IntOptionTable = new Map<number, IntOption>([
  [TcpOption.NODELAY, FLAG],
  [TcpOption.CORK, FLAG],
  [TcpOption.KEEPIDLE, { initial: 7200, min: 1, max: 32767 }],
  [TcpOption.KEEPINTVL, { initial: 75, min: 1, max: 32767 }],
  [TcpOption.KEEPCNT, { initial: 9, min: 1, max: 127 }],
  [TcpOption.SYNCNT, { initial: 6, min: 1, max: 127 }],
  [TcpOption.LINGER2, { initial: 60 }],
  [TcpOption.DEFER_ACCEPT, { initial: 0 }],
  [TcpOption.WINDOW_CLAMP, { initial: 0, min: 0 }],
  [TcpOption.QUICKACK, ON],
  [TcpOption.USER_TIMEOUT, { initial: 0, min: 0 }],
  [TcpOption.FASTOPEN, { initial: 0, min: 0 }],
  [TcpOption.NOTSENT_LOWAT, { initial: 0 }],
  [TcpOption.FASTOPEN_CONNECT, FLAG],
]);

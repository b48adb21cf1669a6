/** socket(2): which kind of socket a family, a type and a protocol make. */
import { Errno } from '../abi/errno.js';
import { Af, AF_MAX, IpProto, Sock } from '../abi/socket.js';
import type { Actor } from './actor.js';
import { TcpSocket } from './inet/tcp-socket.js';
import { UdpSocket } from './inet/udp-socket.js';
import { NetlinkSocket } from './netlink/netlink-socket.js';
import type { Network } from './network.js';
import type { Socket, SocketKind } from './socket.js';
import { UnixConnection } from './unix/unix-connection.js';
import { UnixDatagram } from './unix/unix-datagram.js';
import type { UnixSocket } from './unix/unix-socket.js';

/** Types beyond it do not exist. */
const SOCK_MAX = 11;

type Creator = Pick<Actor, 'pid' | 'credentials'>;

/** A socket, or -errno as Linux has it for what is not there. */
export function createSocket(
  network: Network,
  kind: SocketKind,
  creator: Creator,
): Socket | number {
  const error = checkKind(kind);
  if (error < 0) return error;
  if (!network.hasRoom) return -Errno.ENFILE;
  switch (kind.domain) {
    case Af.UNIX:
      return createUnix(network, kind, creator);
    case Af.INET:
    case Af.INET6:
      return createInet(network, kind, creator);
    case Af.NETLINK:
      return createNetlink(network, kind);
    case Af.PACKET:
      return -Errno.EPERM;
    default:
      return -Errno.EAFNOSUPPORT;
  }
}

function checkKind({ domain, type }: SocketKind): number {
  if (domain < 0 || domain >= AF_MAX) return -Errno.EAFNOSUPPORT;
  return type < 0 || type >= SOCK_MAX ? -Errno.EINVAL : 0;
}

function createUnix(network: Network, kind: SocketKind, creator: Creator): UnixSocket | number {
  if (kind.protocol !== 0 && kind.protocol !== Af.UNIX) return -Errno.EPROTONOSUPPORT;
  switch (kind.type) {
    case Sock.STREAM:
    case Sock.SEQPACKET:
      return new UnixConnection(network, { ...kind, protocol: 0 }, creator);
    case Sock.RAW:
    case Sock.DGRAM:
      return new UnixDatagram(network, { ...kind, type: Sock.DGRAM, protocol: 0 }, creator);
    default:
      return -Errno.ESOCKTNOSUPPORT;
  }
}

/** Most protocols of IPv4 and IPv6: IPPROTO_MPTCP is beyond those of one byte. */
const PROTOCOL_MAX = 263;

const DATAGRAM_PROTOCOLS: ReadonlySet<number> = new Set([IpProto.UDP, IpProto.UDPLITE]);

function createInet(network: Network, kind: SocketKind, creator: Creator): Socket | number {
  const { type, protocol } = kind;
  if (protocol < 0 || protocol >= PROTOCOL_MAX) return -Errno.EINVAL;
  switch (type) {
    case Sock.STREAM:
      if (protocol !== 0 && protocol !== IpProto.TCP) return -Errno.EPROTONOSUPPORT;
      return new TcpSocket(network, kind, creator.credentials.euid);
    case Sock.DGRAM:
      // Sockets for ping(8) are for the groups of /proc/sys/net/ipv4/ping_group_range: none.
      if (protocol === IpProto.ICMP || protocol === IpProto.ICMPV6) return -Errno.EACCES;
      if (protocol !== 0 && !DATAGRAM_PROTOCOLS.has(protocol)) return -Errno.EPROTONOSUPPORT;
      return new UdpSocket(
        network,
        { ...kind, protocol: protocol || IpProto.UDP },
        creator.credentials.euid,
      );
    case Sock.RAW:
      return protocol === 0 ? -Errno.EPROTONOSUPPORT : -Errno.EPERM;
    default:
      return -Errno.ESOCKTNOSUPPORT;
  }
}

function createNetlink(network: Network, kind: SocketKind): Socket | number {
  if (kind.type !== Sock.RAW && kind.type !== Sock.DGRAM) return -Errno.ESOCKTNOSUPPORT;
  // NETLINK_ROUTE is 0.
  return kind.protocol === 0 ? new NetlinkSocket(network, kind) : -Errno.EPROTONOSUPPORT;
}

/** socketpair(2): only AF_UNIX knows it. */
export function createPair(
  network: Network,
  kind: SocketKind,
  creator: Creator,
): [Socket, Socket] | number {
  const first = createSocket(network, kind, creator);
  if (typeof first === 'number') return first;
  const second = createSocket(network, kind, creator);
  if (typeof second === 'number') {
    first.decRef();
    return second;
  }
  if (first.pairWith(second)) return [first, second];
  first.decRef();
  second.decRef();
  return -Errno.EOPNOTSUPP;
}

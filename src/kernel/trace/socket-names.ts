/** Names in the arguments of socket calls. */
import type { NamedBit } from './flag-names.js';

export const DOMAINS: ReadonlyMap<number, string> = new Map([
  [0, 'AF_UNSPEC'],
  [1, 'AF_UNIX'],
  [2, 'AF_INET'],
  [10, 'AF_INET6'],
  [16, 'AF_NETLINK'],
  [17, 'AF_PACKET'],
  [38, 'AF_ALG'],
  [40, 'AF_VSOCK'],
]);

export const SOCKET_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'SOCK_STREAM'],
  [2, 'SOCK_DGRAM'],
  [3, 'SOCK_RAW'],
  [4, 'SOCK_RDM'],
  [5, 'SOCK_SEQPACKET'],
  [10, 'SOCK_PACKET'],
]);

export const SOCKET_FLAGS: readonly NamedBit[] = [
  [0o2000000, 'SOCK_CLOEXEC'],
  [0o4000, 'SOCK_NONBLOCK'],
];

export const IP_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, 'IPPROTO_IP'],
  [1, 'IPPROTO_ICMP'],
  [6, 'IPPROTO_TCP'],
  [17, 'IPPROTO_UDP'],
  [41, 'IPPROTO_IPV6'],
  [58, 'IPPROTO_ICMPV6'],
]);

export const NETLINK_PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, 'NETLINK_ROUTE'],
  [4, 'NETLINK_SOCK_DIAG'],
  [9, 'NETLINK_AUDIT'],
  [15, 'NETLINK_KOBJECT_UEVENT'],
]);

export const MESSAGE_FLAGS: readonly NamedBit[] = [
  [0x1, 'MSG_OOB'],
  [0x2, 'MSG_PEEK'],
  [0x4, 'MSG_DONTROUTE'],
  [0x8, 'MSG_CTRUNC'],
  [0x20, 'MSG_TRUNC'],
  [0x40, 'MSG_DONTWAIT'],
  [0x80, 'MSG_EOR'],
  [0x100, 'MSG_WAITALL'],
  [0x800, 'MSG_CONFIRM'],
  [0x2000, 'MSG_ERRQUEUE'],
  [0x4000, 'MSG_NOSIGNAL'],
  [0x8000, 'MSG_MORE'],
  [0x10000, 'MSG_WAITFORONE'],
  [0x20000000, 'MSG_FASTOPEN'],
  [0x40000000, 'MSG_CMSG_CLOEXEC'],
];

export const SHUT_HOWS = ['SHUT_RD', 'SHUT_WR', 'SHUT_RDWR'] as const;

export const SOCKET_LEVELS: ReadonlyMap<number, string> = new Map([
  [0, 'SOL_IP'],
  [1, 'SOL_SOCKET'],
  [6, 'SOL_TCP'],
  [17, 'SOL_UDP'],
  [41, 'SOL_IPV6'],
  [270, 'SOL_NETLINK'],
]);

const SO_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'SO_DEBUG'],
  [2, 'SO_REUSEADDR'],
  [3, 'SO_TYPE'],
  [4, 'SO_ERROR'],
  [5, 'SO_DONTROUTE'],
  [6, 'SO_BROADCAST'],
  [7, 'SO_SNDBUF'],
  [8, 'SO_RCVBUF'],
  [9, 'SO_KEEPALIVE'],
  [10, 'SO_OOBINLINE'],
  [12, 'SO_PRIORITY'],
  [13, 'SO_LINGER'],
  [15, 'SO_REUSEPORT'],
  [16, 'SO_PASSCRED'],
  [17, 'SO_PEERCRED'],
  [18, 'SO_RCVLOWAT'],
  [19, 'SO_SNDLOWAT'],
  [20, 'SO_RCVTIMEO_OLD'],
  [21, 'SO_SNDTIMEO_OLD'],
  [25, 'SO_BINDTODEVICE'],
  [26, 'SO_ATTACH_FILTER'],
  [29, 'SO_TIMESTAMP_OLD'],
  [30, 'SO_ACCEPTCONN'],
  [31, 'SO_PEERSEC'],
  [32, 'SO_SNDBUFFORCE'],
  [33, 'SO_RCVBUFFORCE'],
  [34, 'SO_PASSSEC'],
  [36, 'SO_MARK'],
  [38, 'SO_PROTOCOL'],
  [39, 'SO_DOMAIN'],
  [59, 'SO_PEERGROUPS'],
]);

const TCP_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'TCP_NODELAY'],
  [2, 'TCP_MAXSEG'],
  [3, 'TCP_CORK'],
  [4, 'TCP_KEEPIDLE'],
  [5, 'TCP_KEEPINTVL'],
  [6, 'TCP_KEEPCNT'],
  [7, 'TCP_SYNCNT'],
  [8, 'TCP_LINGER2'],
  [9, 'TCP_DEFER_ACCEPT'],
  [10, 'TCP_WINDOW_CLAMP'],
  [11, 'TCP_INFO'],
  [12, 'TCP_QUICKACK'],
  [13, 'TCP_CONGESTION'],
  [18, 'TCP_USER_TIMEOUT'],
  [23, 'TCP_FASTOPEN'],
]);

const IP_NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'IP_TOS'],
  [2, 'IP_TTL'],
  [8, 'IP_PKTINFO'],
  [10, 'IP_MTU_DISCOVER'],
  [11, 'IP_RECVERR'],
  [12, 'IP_RECVTTL'],
  [13, 'IP_RECVTOS'],
  [32, 'IP_MULTICAST_IF'],
  [33, 'IP_MULTICAST_TTL'],
  [34, 'IP_MULTICAST_LOOP'],
  [35, 'IP_ADD_MEMBERSHIP'],
  [36, 'IP_DROP_MEMBERSHIP'],
]);

const IPV6_NAMES: ReadonlyMap<number, string> = new Map([
  [16, 'IPV6_UNICAST_HOPS'],
  [17, 'IPV6_MULTICAST_IF'],
  [18, 'IPV6_MULTICAST_HOPS'],
  [19, 'IPV6_MULTICAST_LOOP'],
  [20, 'IPV6_ADD_MEMBERSHIP'],
  [21, 'IPV6_DROP_MEMBERSHIP'],
  [25, 'IPV6_RECVERR'],
  [26, 'IPV6_V6ONLY'],
  [49, 'IPV6_RECVPKTINFO'],
  [51, 'IPV6_RECVHOPLIMIT'],
  [66, 'IPV6_RECVTCLASS'],
  [67, 'IPV6_TCLASS'],
]);

/** Names of the options of a level. */
export const OPTION_NAMES: ReadonlyMap<number, ReadonlyMap<number, string>> = new Map([
  [0, IP_NAMES],
  [1, SO_NAMES],
  [6, TCP_NAMES],
  [41, IPV6_NAMES],
]);

/** Joining and leaving multicast groups, ip(7) and ipv6(7). */
import { Errno } from '../../abi/errno.js';
import { IpOption, Ipv6Option } from '../../abi/socket.js';
import { LOOPBACK_INDEX } from '../interface-ioctl.js';
import type { InetSocket } from './inet-socket.js';
import { fromIpv4, fromIpv6, type IpAddress, isLoopback, isMulticast } from './ip-address.js';

/** Most groups of one socket: /proc/sys/net/ipv4/igmp_max_memberships. */
const MAX_GROUPS = 20;

/** 0 or -errno; `undefined` for an option that has nothing to do with it. */
export function memberships(
  socket: InetSocket,
  name: number,
  value: Buffer,
  isV6 = false,
): number | undefined {
  const join = isV6 ? Ipv6Option.JOIN_GROUP : IpOption.ADD_MEMBERSHIP;
  const leave = isV6 ? Ipv6Option.LEAVE_GROUP : IpOption.DROP_MEMBERSHIP;
  if (name !== join && name !== leave) return undefined;
  const group = isV6 ? groupOf6(value) : groupOf4(value);
  if (typeof group === 'number') return group;
  return name === join ? joinGroup(socket, group) : leaveGroup(socket, group);
}

/** struct ip_mreq, or ip_mreqn with the number of an interface. */
function groupOf4(value: Buffer): IpAddress | number {
  if (value.length < 8) return -Errno.EINVAL;
  const group = fromIpv4(value, 0);
  if (!isMulticast(group)) return -Errno.EINVAL;
  const device = fromIpv4(value, 4);
  const index = value.length >= 12 ? value.readInt32LE(8) : 0;
  // Without a route to the group the interface has to be named.
  return index === LOOPBACK_INDEX || isLoopback(device) ? group : -Errno.ENODEV;
}

/** struct ipv6_mreq. */
function groupOf6(value: Buffer): IpAddress | number {
  if (value.length < 20) return -Errno.EINVAL;
  const group = fromIpv6(value, 0);
  if (!isMulticast(group)) return -Errno.EINVAL;
  const index = value.readInt32LE(16);
  return index === LOOPBACK_INDEX || index === 0 ? group : -Errno.ENODEV;
}

function joinGroup({ groups }: InetSocket, group: IpAddress): number {
  if (groups.has(group)) return -Errno.EADDRINUSE;
  if (groups.size >= MAX_GROUPS) return -Errno.ENOBUFS;
  groups.add(group);
  return 0;
}

function leaveGroup({ groups }: InetSocket, group: IpAddress): number {
  return groups.delete(group) ? 0 : -Errno.EADDRNOTAVAIL;
}

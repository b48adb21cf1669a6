/** What TCP and UDP sockets have in common, ip(7) and ipv6(7): addresses, ports, options. */
import { Errno } from '../../abi/errno.js';
import { Af, IpOption, IpProto, Ipv6Option, So, SOL_SOCKET } from '../../abi/socket.js';
import { type Actor, isPrivileged } from '../actor.js';
import { LOOPBACK_INDEX, LOOPBACK_MTU, LOOPBACK_NAME } from '../interface-ioctl.js';
import { IntOptions, intValue } from '../int-options.js';
import type { Network } from '../network.js';
import { Socket, type SocketKind } from '../socket.js';
import { DEFAULT_HOPS, IP_OPTIONS, IPV6_OPTIONS } from './inet-options.js';
import {
  ANY_4,
  ANY_6,
  encodeEndpoint,
  type Endpoint,
  familyOf,
  fromIpv4,
  type IpAddress,
  isAny,
  isLoopback,
  isMulticast,
  isV4,
  LOOPBACK_4,
  LOOPBACK_6,
  parseEndpoint,
} from './ip-address.js';
import { memberships } from './membership.js';
import type { PortTable } from './port-table.js';

/** Ports below are the superuser's. */
const FIRST_UNPRIVILEGED = 1024;
/** IFNAMSIZ */
const NAME_SIZE = 16;

export abstract class InetSocket extends Socket {
  local: Endpoint;
  /** Where it is connected to. */
  remote: Endpoint | undefined;
  readonly ipOptions = new IntOptions(IP_OPTIONS);
  readonly ipv6Options = new IntOptions(IPV6_OPTIONS);
  /** Multicast groups it has joined. */
  readonly groups = new Set<IpAddress>();
  /** The address was chosen by bind(2), and stays when a connection ends. */
  protected addressChosen = false;
  #device = '';
  #multicastDevice: IpAddress | undefined;

  constructor(
    network: Network,
    kind: SocketKind,
    /** Who may share its port, SO_REUSEPORT. */
    readonly uid: number,
    readonly ports: PortTable,
  ) {
    super(network, kind);
    this.local = { address: this.anyAddress, port: 0 };
  }

  get isV6(): boolean {
    return this.kind.domain === Af.INET6;
  }

  /** Its `::` does not stand for the addresses of IPv4. */
  get only6(): boolean {
    return this.isV6 && this.ipv6Options.isOn(Ipv6Option.V6ONLY);
  }

  get isBound(): boolean {
    return this.local.port !== 0;
  }

  protected get anyAddress(): IpAddress {
    return this.isV6 ? ANY_6 : ANY_4;
  }

  /** Whether another socket may have the same port, and the same address or one that overlaps. */
  protected abstract sharesWith(other: InetSocket): boolean;

  override bind(actor: Actor, bytes: Buffer): number {
    const wanted = this.#parseForBind(bytes);
    if (typeof wanted === 'number') return wanted;
    const { address, port } = wanted;
    if (isV4(address) && this.only6) return -Errno.EINVAL;
    const usable = isAny(address) || isLoopback(address) || isMulticast(address);
    if (!usable && !this.ipOptions.isOn(IpOption.FREEBIND)) return -Errno.EADDRNOTAVAIL;
    if (port > 0 && port < FIRST_UNPRIVILEGED && !isPrivileged(actor)) return -Errno.EACCES;
    if (this.isBound || this.isBusy) return -Errno.EINVAL;
    const result = this.takePort(address, port);
    if (result >= 0) this.addressChosen = !isAny(address);
    return result;
  }

  /** bind(2) takes AF_UNSPEC for AF_INET where the address is 0. */
  #parseForBind(bytes: Buffer): Endpoint | number {
    if (!this.isV6 && bytes.length >= 16 && familyOf(bytes) === Af.UNSPEC) {
      const address = fromIpv4(bytes, 4);
      return address === ANY_4 ? { address, port: bytes.readUInt16BE(2) } : -Errno.EAFNOSUPPORT;
    }
    return parseEndpoint(bytes, this.kind.domain);
  }

  /** It has a connection or waits for some, and cannot be bound any more. */
  protected get isBusy(): boolean {
    return false;
  }

  /** Takes a port, a free one for 0. 0 or -EADDRINUSE. */
  protected takePort(address: IpAddress, port: number): number {
    const taken = this.ports.bind(this, address, port, (other) => this.sharesWith(other));
    if (taken < 0) return taken;
    this.local = { address, port: taken };
    return 0;
  }

  /** Gives it a port if it has none. */
  protected autobind(): number {
    return this.isBound ? 0 : this.takePort(this.local.address, 0);
  }

  protected releasePort(): void {
    this.ports.release(this, this.local.port);
    this.local = { ...this.local, port: 0 };
  }

  /** The address it talks to `remote` from. */
  protected sourceFor(remote: IpAddress): IpAddress {
    if (!isAny(this.local.address)) return this.local.address;
    return isV4(remote) ? LOOPBACK_4 : LOOPBACK_6;
  }

  /** Where an address leads: 0 is this machine. */
  protected normalize({ address, port }: Endpoint): Endpoint {
    if (!isAny(address)) return { address, port };
    return { address: isV4(address) || !this.isV6 ? LOOPBACK_4 : LOOPBACK_6, port };
  }

  override localName(): Buffer {
    return encodeEndpoint(this.local, this.kind.domain);
  }

  override peerName(): Buffer | number {
    return this.remote === undefined
      ? -Errno.ENOTCONN
      : encodeEndpoint(this.remote, this.kind.domain);
  }

  override setOption(actor: Actor, level: number, name: number, value: Buffer): number {
    if (level === SOL_SOCKET && name === So.BINDTODEVICE) return this.#setDevice(value);
    return super.setOption(actor, level, name, value);
  }

  override getOption(level: number, name: number): Buffer | number {
    if (level === SOL_SOCKET && name === So.BINDTODEVICE) {
      return Buffer.from(this.#device === '' ? '' : `${this.#device}\0`, 'latin1');
    }
    return super.getOption(level, name);
  }

  #setDevice(value: Buffer): number {
    const name = value.toString('latin1', 0, NAME_SIZE - 1);
    const end = name.indexOf('\0');
    const device = end < 0 ? name : name.slice(0, end);
    if (device !== '' && device !== LOOPBACK_NAME) return -Errno.ENODEV;
    this.#device = device;
    return 0;
  }

  protected override setProtocolOption(level: number, name: number, value: Buffer): number {
    if (level === IpProto.IP) return this.#setIpOption(name, value);
    if (level === IpProto.IPV6 && this.isV6) return this.#setIpv6Option(name, value);
    return -Errno.ENOPROTOOPT;
  }

  #setIpOption(name: number, value: Buffer): number {
    if (name === IpOption.MULTICAST_IF) return this.#setMulticastDevice(value);
    const membership = memberships(this, name, value);
    if (membership !== undefined) return membership;
    if (value.length === 0) return -Errno.EINVAL;
    // IP takes one byte for an int, as it was in BSD.
    const number = value.length < 4 ? value.readUInt8(0) : value.readInt32LE(0);
    return setHops(this.ipOptions, name, IpOption.TTL, number, 1);
  }

  /** struct in_addr, ip_mreq or ip_mreqn. */
  #setMulticastDevice(value: Buffer): number {
    if (value.length < 4) return -Errno.EINVAL;
    const address = fromIpv4(value, value.length >= 8 ? 4 : 0);
    const index = value.length >= 12 ? value.readInt32LE(8) : 0;
    const names = isLoopback(address) || index === LOOPBACK_INDEX;
    if (!names && !(address === ANY_4 && index === 0)) return -Errno.EADDRNOTAVAIL;
    this.#multicastDevice = names ? LOOPBACK_4 : undefined;
    return 0;
  }

  #setIpv6Option(name: number, value: Buffer): number {
    const membership = memberships(this, name, value, true);
    if (membership !== undefined) return membership;
    if (value.length < 4) return -Errno.EINVAL;
    if (name === Ipv6Option.V6ONLY && (this.isBound || this.isBusy)) return -Errno.EINVAL;
    return setHops(this.ipv6Options, name, Ipv6Option.UNICAST_HOPS, value.readInt32LE(0), 0);
  }

  protected override getProtocolOption(level: number, name: number): Buffer | number {
    if (level === IpProto.IP) return this.#getIpOption(name);
    // IPv4 tells levels that it does not know from options only when it is asked.
    if (!this.isV6) return -Errno.EOPNOTSUPP;
    if (level !== IpProto.IPV6) return -Errno.ENOPROTOOPT;
    if (name === Ipv6Option.MTU) return this.#mtu;
    const value = this.ipv6Options.get(name);
    return value === undefined ? -Errno.ENOPROTOOPT : intValue(value);
  }

  #getIpOption(name: number): Buffer | number {
    if (name === IpOption.MTU) return this.#mtu;
    if (name === IpOption.MULTICAST_IF) {
      return Buffer.from((this.#multicastDevice ?? ANY_4).slice(-8), 'hex');
    }
    const value = this.ipOptions.get(name);
    return value === undefined ? -Errno.ENOPROTOOPT : intValue(value);
  }

  get #mtu(): Buffer | number {
    return this.remote === undefined ? -Errno.ENOTCONN : intValue(LOOPBACK_MTU);
  }

  /** It may send to groups: there is no route to them unless it names one. */
  get sendsToGroups(): boolean {
    return this.#multicastDevice !== undefined || this.ipv6Options.isOn(Ipv6Option.MULTICAST_IF);
  }

  protected override onClose(): void {
    super.onClose();
    if (this.isBound) this.ports.release(this, this.local.port);
  }
}

/** -1 hops ask for the default; `least` is what may be asked for. */
function setHops(
  options: IntOptions,
  name: number,
  hops: number,
  value: number,
  least: number,
): number {
  if (name === hops && value === -1) return options.set(name, DEFAULT_HOPS) ?? 0;
  if (name === hops && value < least) return -Errno.EINVAL;
  return options.set(name, value) ?? -Errno.ENOPROTOOPT;
}

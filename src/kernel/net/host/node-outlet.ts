/** Datagrams of one guest socket through the host's network, by Node.js, and the answers to them. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { Errno } from '../../abi/errno.js';
import { DEFAULT_HOPS } from '../inet/inet-options.js';
import { type Endpoint, formatAddress, isV4, parseAddressText } from '../inet/ip-address.js';
import type { UdpOutlet, UdpSocket } from '../inet/udp-socket.js';
import { errnoOf } from './node-connection.js';

/** Endpoints that may answer; the first to be forgotten is the one that was spoken to longest ago. */
const MAX_PARTNERS = 1024;

function key({ address, port }: Endpoint): string {
  return `${address}:${String(port)}`;
}

export class NodeOutlet implements UdpOutlet {
  #socket4: Socket | undefined;
  #socket6: Socket | undefined;
  /** Only who was spoken to gets in. */
  readonly #partners = new Set<string>();

  constructor(
    readonly owner: UdpSocket,
    readonly onClose: (outlet: NodeOutlet) => void,
  ) {}

  send(data: Uint8Array, to: Endpoint): void {
    this.#remember(key(to));
    const socket = isV4(to.address)
      ? (this.#socket4 ??= this.#open('udp4'))
      : (this.#socket6 ??= this.#open('udp6'));
    socket.send(data, to.port, formatAddress(to.address), (error) => {
      if (error !== null) this.owner.fail(errnoOf(error, Errno.ENETUNREACH));
    });
  }

  #remember(partner: string): void {
    this.#partners.delete(partner);
    this.#partners.add(partner);
    const [oldest] = this.#partners;
    if (this.#partners.size > MAX_PARTNERS && oldest !== undefined) this.#partners.delete(oldest);
  }

  #open(type: 'udp4' | 'udp6'): Socket {
    const socket = createSocket(type);
    socket.on('message', (data, info) => {
      this.#arrive(data, info);
    });
    socket.on('error', (error) => {
      this.owner.fail(errnoOf(error, Errno.ENETUNREACH));
    });
    return socket;
  }

  #arrive(data: Buffer, info: RemoteInfo): void {
    const address = parseAddressText(info.address);
    if (address === undefined) return;
    const from = { address, port: info.port };
    if (!this.#partners.has(key(from))) return;
    const { local } = this.owner;
    this.owner.arrive({ data, from, to: local, hops: DEFAULT_HOPS, trafficClass: 0 });
  }

  close(): void {
    this.#socket4?.close();
    this.#socket6?.close();
    this.#socket4 = this.#socket6 = undefined;
    this.onClose(this);
  }
}

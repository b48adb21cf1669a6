/** The host's network by Node.js's own sockets: what `net: 'host'` gives a sandbox. Nothing listens on the host. */
import { getServers } from 'node:dns';
import { networkInterfaces } from 'node:os';
import {
  type Endpoint,
  type IpAddress,
  isLoopback,
  isV4,
  parseAddressText,
} from '../inet/ip-address.js';
import type { TcpEnd } from '../inet/tcp-end.js';
import type { TcpSocket } from '../inet/tcp-socket.js';
import type { UdpOutlet, UdpSocket } from '../inet/udp-socket.js';
import type { HostNetwork } from './host-network.js';
import { NodeConnection } from './node-connection.js';
import { NodeOutlet } from './node-outlet.js';

const DNS_PORT = 53;
/** How long the host's addresses are taken to be as they were. */
const ADDRESSES_AGE = 5000;
/** How long a connection may take to send the rest of what an ended guest gave it. */
const FLUSH_TIME = 2000;

interface OwnAddresses {
  readonly readAt: number;
  readonly v4: IpAddress | undefined;
  readonly v6: IpAddress | undefined;
}

function readAddresses(): OwnAddresses {
  const found: IpAddress[] = [];
  for (const entry of Object.values(networkInterfaces()).flat()) {
    // Addresses of one link lead nowhere else.
    if (entry === undefined || entry.internal || entry.address.startsWith('fe80:')) continue;
    const address = parseAddressText(entry.address);
    if (address !== undefined) found.push(address);
  }
  return {
    readAt: performance.now(),
    v4: found.find((address) => isV4(address)),
    v6: found.find((address) => !isV4(address)),
  };
}

export class NodeNetwork implements HostNetwork {
  readonly #connections = new Set<NodeConnection>();
  readonly #outlets = new Set<NodeOutlet>();
  #addresses: OwnAddresses | undefined;

  reaches(address: IpAddress): boolean {
    return this.sourceFor(address) !== undefined;
  }

  sourceFor(address: IpAddress): IpAddress | undefined {
    const known = this.#addresses;
    const isFresh = known !== undefined && performance.now() - known.readAt < ADDRESSES_AGE;
    const addresses = isFresh ? known : (this.#addresses = readAddresses());
    return isV4(address) ? addresses.v4 : addresses.v6;
  }

  connect(socket: TcpSocket, remote: Endpoint): TcpEnd {
    const connection = new NodeConnection(socket, remote);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    return connection;
  }

  /** A resolver that the host runs for itself answers the guest too: its address is in the guest's resolv.conf. */
  takesDatagrams({ address, port }: Endpoint): boolean {
    if (!isLoopback(address)) return this.reaches(address);
    return port === DNS_PORT && getServers().some((text) => parseAddressText(text) === address);
  }

  openOutlet(socket: UdpSocket): UdpOutlet {
    const outlet = new NodeOutlet(socket, (closed) => this.#outlets.delete(closed));
    this.#outlets.add(outlet);
    return outlet;
  }

  /** Lets what was sent leave, for a short time, and closes everything. */
  async dispose(): Promise<void> {
    for (const outlet of [...this.#outlets]) outlet.close();
    const deadline = performance.now() + FLUSH_TIME;
    while (performance.now() < deadline) {
      if ([...this.#connections].every(({ isFlushed }) => isFlushed)) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([...this.#connections].map(({ closed }) => closed));
  }
}

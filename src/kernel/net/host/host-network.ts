/** The way out of the sandbox: outgoing connections and datagrams by the host's own sockets. */
import type { Endpoint, IpAddress } from '../inet/ip-address.js';
import type { TcpEnd } from '../inet/tcp-end.js';
import type { TcpSocket } from '../inet/tcp-socket.js';
import type { UdpOutlet, UdpSocket } from '../inet/udp-socket.js';

export interface HostNetwork {
  /** There is a way to an address outside of the sandbox. */
  reaches(address: IpAddress): boolean;
  /** The host's address that a way out starts at. */
  sourceFor(address: IpAddress): IpAddress | undefined;
  /** Connects a socket: it is told by `connected` or `refused`. */
  connect(socket: TcpSocket, remote: Endpoint): TcpEnd;
  /** Datagrams for this endpoint leave the sandbox. */
  takesDatagrams(to: Endpoint): boolean;
  /** A way for the datagrams of one socket, and back. */
  openOutlet(socket: UdpSocket): UdpOutlet;
  dispose(): Promise<void>;
}

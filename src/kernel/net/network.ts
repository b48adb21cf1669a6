/** The network of one sandbox: its names, its ports, and every socket that is open. */
import { IpProto } from '../abi/socket.js';
import type { KernelMemory } from '../fs/kernel-memory.js';
import type { HostNetwork } from './host/host-network.js';
import { covers, type Endpoint } from './inet/ip-address.js';
import { PortTable } from './inet/port-table.js';
import { TcpSocket } from './inet/tcp-socket.js';
import { UdpSocket } from './inet/udp-socket.js';
import type { Socket } from './socket.js';
import { RightsInFlight } from './unix/rights.js';
import { UnixNames } from './unix/unix-names.js';

/** What a socket takes of the kernel's memory, besides what is in its queues. */
const SOCKET_BYTES = 2048;

export class Network {
  readonly unixNames = new UnixNames();
  readonly rights = new RightsInFlight();
  readonly tcpPorts = new PortTable();
  readonly udpPorts = new PortTable();
  readonly #udpLitePorts = new PortTable();
  /** Of netlink sockets. */
  readonly netlinkPorts = new Set<number>();
  readonly #sockets = new Set<Socket>();

  constructor(
    readonly kernelMemory: KernelMemory,
    /** The way to the host's network, where the sandbox has one. */
    readonly host?: HostNetwork,
  ) {}

  get sockets(): ReadonlySet<Socket> {
    return this.#sockets;
  }

  /** There is room for one more socket. */
  get hasRoom(): boolean {
    return this.kernelMemory.held + SOCKET_BYTES <= this.kernelMemory.limit;
  }

  /** A socket was made, once `hasRoom` was asked. */
  opened(socket: Socket): void {
    this.kernelMemory.give(-SOCKET_BYTES);
    this.#sockets.add(socket);
  }

  gone(socket: Socket): void {
    if (this.#sockets.delete(socket)) this.kernelMemory.give(SOCKET_BYTES);
  }

  /** The socket that listens at an endpoint. Those that share it by SO_REUSEPORT get connections by chance. */
  findListener(to: Endpoint): TcpSocket | undefined {
    const candidates: { socket: TcpSocket; score: number }[] = [];
    for (const socket of this.tcpPorts.at(to.port)) {
      if (!(socket instanceof TcpSocket) || !socket.isListening) continue;
      if (!covers(socket.local.address, socket.only6, to.address)) continue;
      const score = socket.local.address === to.address ? 2 : socket.isV6 ? 0 : 1;
      candidates.push({ socket, score });
    }
    return pickBest(candidates);
  }

  /** Ports of UDP, or of UDP-Lite (udplite(7)). */
  datagramPorts(protocol: number): PortTable {
    return protocol === IpProto.UDPLITE ? this.#udpLitePorts : this.udpPorts;
  }

  /** The socket that a packet is for. */
  findReceiver(ports: PortTable, to: Endpoint, from: Endpoint): UdpSocket | undefined {
    const candidates: { socket: UdpSocket; score: number }[] = [];
    for (const socket of ports.at(to.port)) {
      if (!(socket instanceof UdpSocket)) continue;
      const score = socket.match(to, from);
      if (score >= 0) candidates.push({ socket, score });
    }
    return pickBest(candidates);
  }

  /** The sockets that have joined a multicast group. */
  *membersOf(ports: PortTable, to: Endpoint): Generator<UdpSocket> {
    for (const socket of [...ports.at(to.port)]) {
      if (!(socket instanceof UdpSocket) || !socket.groups.has(to.address)) continue;
      if (covers(socket.local.address, socket.only6, to.address)) yield socket;
    }
  }

  /** Ends every connection, and closes files that were sent and never received. Twice is safe. */
  async dispose(): Promise<void> {
    for (const socket of [...this.#sockets]) socket.abandon();
    await this.host?.dispose();
  }
}

/** One of those with the highest score. */
function pickBest<T>(candidates: readonly { socket: T; score: number }[]): T | undefined {
  const best = Math.max(...candidates.map(({ score }) => score));
  const equal = candidates.filter(({ score }) => score === best);
  return equal[Math.floor(Math.random() * equal.length)]?.socket;
}

/** The ports of one protocol, and the sockets that are bound to them. */
import { Errno } from '../../abi/errno.js';
import { covers, type IpAddress } from './ip-address.js';
import type { InetSocket } from './inet-socket.js';

/** /proc/sys/net/ipv4/ip_local_port_range. */
const FIRST_EPHEMERAL = 32768;
const LAST_EPHEMERAL = 60999;

export class PortTable {
  /** Sockets by their port; those that accept(2) gave are many, and nobody asks for one of them by its port. */
  readonly #bound = new Map<number, Set<InetSocket>>();
  readonly #accepted = new Map<number, Set<InetSocket>>();
  #next = FIRST_EPHEMERAL + Math.floor(Math.random() * (LAST_EPHEMERAL - FIRST_EPHEMERAL));

  /**
   * Binds a socket to `port`, or to a free one for 0: the port, or -EADDRINUSE. `shares` says whether two sockets
   * whose addresses overlap may have one port.
   */
  bind(
    socket: InetSocket,
    address: IpAddress,
    port: number,
    shares: (other: InetSocket) => boolean,
  ): number {
    const chosen = port === 0 ? this.#freePort(socket, address) : port;
    if (chosen === undefined) return -Errno.EADDRINUSE;
    for (const other of this.#users(chosen)) {
      if (other !== socket && overlaps(socket, address, other) && !shares(other)) {
        return -Errno.EADDRINUSE;
      }
    }
    insert(this.#bound, socket, chosen);
    return chosen;
  }

  /** A socket that came with its port: accept(2). */
  addAccepted(socket: InetSocket, port: number): void {
    insert(this.#accepted, socket, port);
  }

  *#users(port: number): Generator<InetSocket> {
    yield* this.at(port);
    yield* this.#accepted.get(port) ?? [];
  }

  #freePort(socket: InetSocket, address: IpAddress): number | undefined {
    for (let tries = FIRST_EPHEMERAL; tries <= LAST_EPHEMERAL; tries++) {
      const port = this.#next;
      this.#next = port === LAST_EPHEMERAL ? FIRST_EPHEMERAL : port + 1;
      let free = true;
      for (const other of this.#users(port)) free &&= !overlaps(socket, address, other);
      if (free) return port;
    }
    return undefined;
  }

  release(socket: InetSocket, port: number): void {
    for (const table of [this.#bound, this.#accepted]) {
      const sockets = table.get(port);
      sockets?.delete(socket);
      if (sockets?.size === 0) table.delete(port);
    }
  }

  /** Those that a connection or a packet for a port may be for. */
  at(port: number): Iterable<InetSocket> {
    return this.#bound.get(port) ?? [];
  }

  *all(): Generator<InetSocket> {
    for (const table of [this.#bound, this.#accepted]) {
      for (const sockets of table.values()) yield* sockets;
    }
  }
}

function insert(table: Map<number, Set<InetSocket>>, socket: InetSocket, port: number): void {
  const sockets = table.get(port);
  if (sockets === undefined) table.set(port, new Set([socket]));
  else sockets.add(socket);
}

function overlaps(socket: InetSocket, address: IpAddress, other: InetSocket): boolean {
  return (
    covers(address, socket.only6, other.local.address) ||
    covers(other.local.address, other.only6, address)
  );
}

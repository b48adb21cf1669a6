/** The network of one sandbox: its names, its ports, and every socket that is open. */
import type { KernelMemory } from '../fs/kernel-memory.js';
import type { Socket } from './socket.js';
import { RightsInFlight } from './unix/rights.js';
import { UnixNames } from './unix/unix-names.js';

/** What a socket takes of the kernel's memory, besides what is in its queues. */
const SOCKET_BYTES = 2048;

export class Network {
  readonly unixNames = new UnixNames();
  readonly rights = new RightsInFlight();
  readonly #sockets = new Set<Socket>();

  constructor(readonly kernelMemory: KernelMemory) {}

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

  /** Ends every connection, and closes files that were sent and never received. Twice is safe. */
  dispose(): void {
    for (const socket of [...this.#sockets]) socket.abandon();
  }
}

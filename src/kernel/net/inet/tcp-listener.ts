/** What listen(2) makes of a TCP socket: connections that wait for accept(2). */
import { Errno } from '../../abi/errno.js';
import { SOMAXCONN } from '../../abi/socket.js';
import type { TcpSocket } from './tcp-socket.js';

export class TcpListener {
  #backlog = 0;
  readonly arrived: TcpSocket[] = [];
  /** Those whose calls are not answered until there is room. */
  readonly waiting = new Set<TcpSocket>();

  setBacklog(backlog: number): void {
    this.#backlog = Math.min(backlog >>> 0, SOMAXCONN);
  }

  get isFull(): boolean {
    return this.arrived.length > this.#backlog;
  }

  /** Lets in who waits, where there is room. */
  admit(own: TcpSocket): void {
    for (const caller of this.waiting) {
      if (this.isFull) return;
      this.waiting.delete(caller);
      if (!caller.closed && caller.state === 'connecting') caller.arriveAt(own);
    }
  }

  close(): void {
    for (const connection of this.arrived.splice(0)) {
      connection.abort();
      connection.decRef();
    }
    for (const caller of this.waiting) {
      if (!caller.closed && caller.state === 'connecting') caller.refused(Errno.ECONNREFUSED);
    }
    this.waiting.clear();
  }
}

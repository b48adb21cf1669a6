/** Sockets that found another one full, and are told when it is not. */
import { POLL_WRITABLE } from '../abi/poll.js';
import type { Socket } from './socket.js';

const LEAST = 16;

export class WaitingSockets {
  readonly #sockets = new Set<Socket>();
  /** Grown to so many, it forgets those that were closed meanwhile. */
  #sweepAt = LEAST;

  add(socket: Socket): void {
    if (this.#sockets.size >= this.#sweepAt) this.#sweep();
    this.#sockets.add(socket);
  }

  wake(): void {
    if (this.#sockets.size === 0) return;
    const waiting = [...this.#sockets];
    this.#sockets.clear();
    for (const socket of waiting) socket.queue.wake(POLL_WRITABLE);
  }

  #sweep(): void {
    for (const socket of this.#sockets) {
      if (socket.closed) this.#sockets.delete(socket);
    }
    this.#sweepAt = Math.max(LEAST, 2 * this.#sockets.size);
  }
}

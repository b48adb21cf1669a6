/** Open files inside messages, SCM_RIGHTS of unix(7). */
import type { OpenFile } from '../../fs/open-file.js';
import type { Network } from '../network.js';
import { UnixSocket } from './unix-socket.js';

export class RightsInFlight {
  /** How often each file is in a message that was not received. */
  readonly #files = new Map<OpenFile, number>();
  /** Messages hold so many files together. */
  count = 0;

  sent(files: readonly OpenFile[]): void {
    for (const file of files) this.#files.set(file, (this.#files.get(file) ?? 0) + 1);
    this.count += files.length;
  }

  /** Received, or dropped with their message. */
  left(files: readonly OpenFile[]): void {
    for (const file of files) {
      const times = (this.#files.get(file) ?? 0) - 1;
      if (times > 0) this.#files.set(file, times);
      else this.#files.delete(file);
    }
    this.count -= files.length;
  }

  /** Nothing but messages holds the file. */
  holdAll(file: OpenFile): boolean {
    return this.count > 0 && file.references === this.#files.get(file);
  }

  /**
   * Sockets that only messages hold which nobody can receive any more: those that wait in such sockets. What they
   * hold is dropped, which closes them.
   */
  collect(network: Network): void {
    const doubtful = new Set<UnixSocket>();
    for (const file of this.#files.keys()) {
      if (file instanceof UnixSocket && this.holdAll(file)) doubtful.add(file);
    }
    if (doubtful.size === 0) return;
    const reachable: UnixSocket[] = [];
    for (const socket of network.sockets) {
      if (socket instanceof UnixSocket && !doubtful.has(socket) && !socket.waitsForAccept) {
        reachable.push(socket);
      }
    }
    for (const socket of reachable) {
      for (const held of socket.heldFiles()) {
        if (held instanceof UnixSocket && doubtful.delete(held)) reachable.push(held);
      }
    }
    for (const socket of doubtful) socket.dropReceived();
  }
}

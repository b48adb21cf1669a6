/** Names that AF_UNIX sockets are bound to. */
import { Errno } from '../../abi/errno.js';
import type { Actor } from '../actor.js';
import type { UnixAddress } from './unix-address.js';
import type { UnixSocket } from './unix-socket.js';

/** Names that the kernel gives are five hexadecimal digits. */
const AUTOBIND_NAMES = 0x100000;

export class UnixNames {
  readonly #abstract = new Map<string, UnixSocket>();
  /** By what names the place: a path may change. */
  readonly #places = new Map<string, UnixSocket>();
  #lastAutobind = 0;

  /** Gives a socket its name: that name, or -EADDRINUSE and whatever making a file gives. */
  bind(socket: UnixSocket, address: UnixAddress, actor: Actor): UnixAddress | number {
    if (address.kind === 'path') {
      const place = actor.places.make(address.path);
      if (typeof place === 'number') return place;
      this.#places.set(place, socket);
      socket.place = place;
      return address;
    }
    const named = address.kind === 'abstract' ? address : this.#freeName();
    if (named === undefined) return -Errno.ENOSPC;
    if (this.#abstract.has(named.name)) return -Errno.EADDRINUSE;
    this.#abstract.set(named.name, socket);
    return named;
  }

  #freeName(): (UnixAddress & { kind: 'abstract' }) | undefined {
    for (let tries = 0; tries < AUTOBIND_NAMES; tries++) {
      this.#lastAutobind = (this.#lastAutobind + 1) % AUTOBIND_NAMES;
      const name = this.#lastAutobind.toString(16).padStart(5, '0');
      if (!this.#abstract.has(name)) return { kind: 'abstract', name };
    }
    return undefined;
  }

  /** The socket that listens to a name: -ECONNREFUSED where none does, -EINVAL for no name. */
  find(address: UnixAddress, actor: Actor): UnixSocket | number {
    if (address.kind === 'unnamed') return -Errno.EINVAL;
    if (address.kind === 'abstract') {
      return this.#abstract.get(address.name) ?? -Errno.ECONNREFUSED;
    }
    const place = actor.places.find(address.path);
    if (typeof place === 'number') return place;
    return this.#places.get(place) ?? -Errno.ECONNREFUSED;
  }

  /** The socket is closed. A file it had stays, and leads nowhere. */
  release(socket: UnixSocket): void {
    const { address, place } = socket;
    if (place !== undefined && this.#places.get(place) === socket) this.#places.delete(place);
    if (address.kind === 'abstract') this.#abstract.delete(address.name);
  }
}

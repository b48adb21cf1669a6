/** A connection of the host's, by Node.js, as the other end of a guest's TCP socket. */
import { Socket } from 'node:net';
import { Errno } from '../../abi/errno.js';
import { type Endpoint, formatAddress, parseAddressText } from '../inet/ip-address.js';
import type { TcpEnd } from '../inet/tcp-end.js';
import type { TcpSocket } from '../inet/tcp-socket.js';
import { BufferSource, type Source } from '../message.js';

/** Bytes that may wait for the host's network. */
const CAPACITY = 65536;
/** As /proc/sys/net/ipv4/tcp_fin_timeout: how long the other side may take to end what the guest has closed. */
const FIN_TIMEOUT = 60_000;

/** The errno of one of Node.js's errors. */
export function errnoOf(error: Error, otherwise: number): number {
  const code = 'code' in error ? String(error.code) : '';
  return Object.entries(Errno).find(([name]) => name === code)?.[1] ?? otherwise;
}

export class NodeConnection implements TcpEnd {
  readonly #socket = new Socket({ allowHalfOpen: true });
  /** Bytes that came in when the guest had no room. */
  #waiting: BufferSource | undefined;
  #ended = false;
  readonly closed: Promise<void>;

  constructor(
    readonly owner: TcpSocket,
    remote: Endpoint,
  ) {
    const socket = this.#socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        resolve();
      });
    });
    socket.on('connect', () => {
      this.#connected();
    });
    socket.on('data', (chunk) => {
      this.#deliver(new BufferSource(chunk));
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#finishIfRead();
    });
    socket.on('drain', () => {
      owner.windowOpened();
    });
    socket.on('error', (error) => {
      this.#fail(error);
    });
    socket.setNoDelay(true);
    socket.connect(remote.port, formatAddress(remote.address));
  }

  #connected(): void {
    const { owner } = this;
    const address = parseAddressText(this.#socket.localAddress ?? '');
    // The port stays the one that the guest knows: the host's own is the host's.
    if (address !== undefined) owner.local = { ...owner.local, address };
    owner.connected(this);
  }

  #fail(error: Error): void {
    if (this.owner.state === 'connecting') {
      this.owner.refused(errnoOf(error, Errno.ECONNREFUSED));
    } else {
      this.owner.reset(errnoOf(error, Errno.ECONNRESET));
    }
  }

  /** False where the guest had no room for all of it: the rest waits, and the host's side with it. */
  #deliver(source: BufferSource): boolean {
    this.#waiting = undefined;
    while (source.remaining > 0) {
      if (this.owner.take(source, false) > 0) continue;
      this.#waiting = source;
      this.#socket.pause();
      return false;
    }
    return true;
  }

  #finishIfRead(): void {
    if (this.#ended && this.#waiting === undefined) this.owner.finish();
  }

  // What the guest's end does.

  get capacity(): number {
    return CAPACITY;
  }

  get room(): number {
    return CAPACITY - this.#socket.writableLength;
  }

  get held(): number {
    return this.#socket.writableLength;
  }

  take(source: Source): number {
    const { room } = this;
    if (room <= 0) return -Errno.EAGAIN;
    const bytes = Buffer.alloc(Math.min(room, source.remaining));
    const count = source.fill(bytes);
    if (count === 0) return -Errno.EFAULT;
    this.#socket.write(bytes.subarray(0, count));
    return count;
  }

  finish(): void {
    this.#socket.end();
    if (!this.owner.closed) return;
    this.#socket.setTimeout(FIN_TIMEOUT, () => {
      this.#socket.destroy();
    });
  }

  reset(): void {
    if (this.#socket.connecting) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  windowOpened(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    if (!this.#deliver(waiting)) return;
    this.#socket.resume();
    this.#finishIfRead();
  }

  /** Everything that the guest sent has left. */
  get isFlushed(): boolean {
    return this.#socket.writableFinished || this.#socket.destroyed;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

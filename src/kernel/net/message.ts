/** What a socket sends and receives: bytes from and to somewhere, and what goes with them. */
import type { OpenFile } from '../fs/open-file.js';
import type { ByteQueue } from './byte-queue.js';
import { Errno } from '../abi/errno.js';
import { Msg } from '../abi/socket.js';
import type { Actor, Ucred } from './actor.js';

/** Where the bytes of a message come from. */
export interface Source {
  /** Bytes still to come. */
  readonly remaining: number;
  /** Fills the whole of `dst`, which is not larger than what remains. Fewer bytes: they cannot be read. */
  fill(dst: Uint8Array): number;
}

/** Where received bytes go. */
export interface Sink {
  /** Bytes still wanted. */
  readonly room: number;
  /** Takes what it has room for. Fewer bytes: they cannot be written. */
  put(src: Uint8Array): number;
}

export class BufferSource implements Source {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  fill(dst: Uint8Array): number {
    dst.set(this.bytes.subarray(this.#at, this.#at + dst.length));
    this.#at += dst.length;
    return dst.length;
  }
}

export class BufferSink implements Sink {
  #at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get room(): number {
    return this.bytes.length - this.#at;
  }

  put(src: Uint8Array): number {
    const count = Math.min(src.length, this.room);
    this.bytes.set(src.subarray(0, count), this.#at);
    this.#at += count;
    return count;
  }
}

/** A control message, cmsg(3). */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Buffer;
}

/** What sendmsg(2) says besides the bytes. */
export interface Outgoing {
  /** MSG_* of the call. */
  readonly flags: number;
  /** struct sockaddr; undefined where none was given. */
  readonly address?: Buffer | undefined;
  /** SCM_RIGHTS: open files that the message takes along; the reference of each is the sender's. */
  readonly rights?: readonly OpenFile[];
  /** SCM_CREDENTIALS, checked. */
  readonly credentials?: Ucred;
  /** Who sends; the socket's owner where it is not said. */
  readonly actor?: Actor;
  /** Control messages of the protocol. */
  readonly control?: readonly ControlMessage[];
}

export const PLAIN: Outgoing = { flags: 0 };

/** What recvmsg(2) gives besides the bytes. One serves one call. */
export class Incoming {
  /** Sender's struct sockaddr. */
  address: Buffer | undefined;
  /** `msg_flags`. */
  flags = 0;
  /** Open files that came along, each with a reference that is now the receiver's. */
  rights: readonly OpenFile[] = [];
  readonly control: ControlMessage[] = [];

  constructor(
    /** MSG_* of the call. */
    readonly request: number,
  ) {}

  get peeks(): boolean {
    return (this.request & Msg.PEEK) !== 0;
  }
}

/** Moves bytes into a stream, `room` at most: how many, or -errno where not one was. */
export function fillQueue(queue: ByteQueue, source: Source, room: number): number {
  let done = 0;
  while (done < room && source.remaining > 0) {
    const space = queue.reserve(Math.min(room - done, source.remaining));
    if (space === undefined) return done > 0 ? done : -Errno.ENOBUFS;
    const count = source.fill(space);
    queue.commit(count);
    done += count;
    if (count < space.length) return done > 0 ? done : -Errno.EFAULT;
  }
  return done;
}

/**
 * Moves at most `limit` bytes out of a stream: how many; -EFAULT where not one could be. With `peekAt` it only
 * copies them, from that many bytes behind the first on.
 */
export function drainQueue(queue: ByteQueue, sink: Sink, limit: number, peekAt?: number): number {
  const wanted = Math.min(limit, sink.room, queue.length - (peekAt ?? 0));
  let done = 0;
  while (done < wanted) {
    const bytes = queue.at(peekAt === undefined ? 0 : peekAt + done);
    const part = bytes.length > wanted - done ? bytes.subarray(0, wanted - done) : bytes;
    const count = sink.put(part);
    if (peekAt === undefined) queue.consume(count);
    done += count;
    if (count < part.length) return done > 0 ? done : -Errno.EFAULT;
  }
  return done;
}

/** Reads all that a source has left, for a message that is one piece: -EFAULT, -ENOBUFS. */
export function takeMessage(source: Source): Uint8Array | number {
  const bytes = new Uint8Array(source.remaining);
  return source.fill(bytes) < bytes.length ? -Errno.EFAULT : bytes;
}

/** What has been sent to an AF_UNIX socket and not been received. */
import type { KernelMemory } from '../../fs/kernel-memory.js';
import type { OpenFile } from '../../fs/open-file.js';
import { Errno } from '../../abi/errno.js';
import { Scm, SOL_SOCKET } from '../../abi/socket.js';
import type { Ucred } from '../actor.js';
import { ByteQueue } from '../byte-queue.js';
import { drainQueue, fillQueue, takeMessage } from '../message.js';
import type { Incoming, Sink, Source } from '../message.js';
import { PACKET_OVERHEAD, PacketQueue } from '../packet-queue.js';
import type { RightsInFlight } from './rights.js';

/** What goes along with bytes. */
export interface Attachments {
  readonly address?: Buffer | undefined;
  readonly credentials: Ucred | undefined;
  readonly rights: readonly OpenFile[];
  readonly onGone?: () => void;
}

export interface UnixInbox {
  readonly isEmpty: boolean;
  /** As much as counts against the sender's buffer. */
  readonly used: number;
  /** Bytes for FIONREAD. */
  readonly available: number;
  /** Files of messages that wait. */
  files(): Iterable<OpenFile>;
  /** Takes what there is room for in `limit`, and the references of the rights: bytes, or -errno. */
  put(source: Source, attached: Attachments, limit: number): number;
  /** Bytes of what waits, which is something: how many, or -errno. */
  take(sink: Sink, into: Incoming, passCredentials: boolean): number;
  /** Drops everything. */
  clear(): void;
}

/** Of a sender that gave none, as Linux has it. */
const NOBODY: Ucred = { pid: 0, uid: 65534, gid: 65534 };

function giveCredentials(into: Incoming, { pid, uid, gid }: Ucred = NOBODY): void {
  const data = Buffer.alloc(12);
  data.writeInt32LE(pid, 0);
  data.writeUInt32LE(uid, 4);
  data.writeUInt32LE(gid, 8);
  into.control.push({ level: SOL_SOCKET, type: Scm.CREDENTIALS, data });
}

/** The receiver gets the files themselves, or with MSG_PEEK files of its own. */
function giveRights(into: Incoming, files: readonly OpenFile[], inFlight: RightsInFlight): void {
  into.rights = files;
  if (into.peeks) {
    for (const file of files) file.incRef();
  } else {
    inFlight.left(files);
  }
}

function drop(files: readonly OpenFile[], inFlight: RightsInFlight): void {
  inFlight.left(files);
  for (const file of files) file.decRef();
}

/** Bytes that were sent together with the same attachments. */
interface Span {
  length: number;
  readonly credentials: Ucred | undefined;
  rights: readonly OpenFile[];
}

function sameSender(a: Ucred | undefined, b: Ucred | undefined): boolean {
  return a === b || (a?.pid === b?.pid && a?.uid === b?.uid && a?.gid === b?.gid);
}

/** SOCK_STREAM. */
export class StreamInbox implements UnixInbox {
  readonly #bytes: ByteQueue;
  readonly #spans: Span[] = [];

  constructor(
    kernelMemory: KernelMemory,
    readonly inFlight: RightsInFlight,
  ) {
    this.#bytes = new ByteQueue(kernelMemory);
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }
  get used(): number {
    return this.#bytes.length;
  }
  get available(): number {
    return this.#bytes.length;
  }

  *files(): Generator<OpenFile> {
    for (const { rights } of this.#spans) yield* rights;
  }

  put(source: Source, attached: Attachments, limit: number): number {
    const room = limit - this.used;
    if (room <= 0) return -Errno.EAGAIN;
    const count = fillQueue(this.#bytes, source, room);
    if (count > 0) this.#mark(count, attached);
    return count;
  }

  #mark(length: number, { credentials, rights }: Attachments): void {
    const last = this.#spans.at(-1);
    const joins = last?.rights.length === 0 && rights.length === 0;
    if (last !== undefined && joins && sameSender(last.credentials, credentials)) {
      last.length += length;
      return;
    }
    this.#spans.push({ length, credentials, rights });
    this.inFlight.sent(rights);
  }

  /** Bytes of several senders are kept apart where the receiver asks who sent them; files end what is received. */
  take(sink: Sink, into: Incoming, passCredentials: boolean): number {
    let done = 0;
    let index = 0;
    const credentials = this.#spans[0]?.credentials;
    while (sink.room > 0) {
      const span = this.#spans[index];
      if (span === undefined) break;
      if (passCredentials && !sameSender(span.credentials, credentials)) break;
      const wanted = Math.min(span.length, sink.room);
      const count = drainQueue(this.#bytes, sink, wanted, into.peeks ? done : undefined);
      if (count < 0) {
        if (done === 0) return count;
        break;
      }
      done += count;
      const hadRights = this.#unfold(span, into);
      if (into.peeks) index++;
      else this.#shorten(span, count);
      if (count < wanted || hadRights) break;
    }
    if (passCredentials) giveCredentials(into, credentials);
    return done;
  }

  #unfold(span: Span, into: Incoming): boolean {
    const { rights } = span;
    if (rights.length === 0) return false;
    giveRights(into, rights, this.inFlight);
    if (!into.peeks) span.rights = [];
    return true;
  }

  #shorten(span: Span, count: number): void {
    span.length -= count;
    if (span.length === 0) this.#spans.shift();
  }

  clear(): void {
    this.#bytes.clear();
    for (const { rights } of this.#spans.splice(0)) drop(rights, this.inFlight);
  }
}

/** SOCK_DGRAM and SOCK_SEQPACKET. */
export class MessageInbox implements UnixInbox {
  readonly #packets: PacketQueue;

  constructor(
    kernelMemory: KernelMemory,
    readonly inFlight: RightsInFlight,
  ) {
    this.#packets = new PacketQueue(kernelMemory);
  }

  get isEmpty(): boolean {
    return this.#packets.count === 0;
  }
  get count(): number {
    return this.#packets.count;
  }
  get used(): number {
    return this.#packets.charge;
  }
  get available(): number {
    return this.#packets.firstLength;
  }

  *files(): Generator<OpenFile> {
    for (const { rights = [] } of this.#packets.values()) yield* rights;
  }

  put(source: Source, attached: Attachments, limit: number): number {
    const length = source.remaining;
    if (this.used > 0 && this.used + length + PACKET_OVERHEAD > limit) return -Errno.EAGAIN;
    const data = takeMessage(source);
    if (typeof data === 'number') return data;
    const { address, credentials, rights, onGone } = attached;
    if (!this.#packets.push({ data, address, credentials, rights, onGone })) return -Errno.ENOBUFS;
    this.inFlight.sent(rights);
    return length;
  }

  take(sink: Sink, into: Incoming, passCredentials: boolean): number {
    const packet = this.#packets.first;
    if (packet === undefined) return -Errno.EAGAIN;
    const count = this.#packets.deliver(packet, sink, into);
    const { rights = [] } = packet;
    if (!into.peeks) this.#packets.shift();
    if (count < 0) {
      if (!into.peeks) drop(rights, this.inFlight);
      return count;
    }
    if (rights.length > 0) giveRights(into, rights, this.inFlight);
    if (passCredentials) giveCredentials(into, packet.credentials);
    return count;
  }

  clear(): void {
    this.#packets.clear(({ rights = [] }) => {
      drop(rights, this.inFlight);
    });
  }
}

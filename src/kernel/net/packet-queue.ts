/** Messages that wait in a socket which keeps their borders. */
import { Errno } from '../abi/errno.js';
import { Msg } from '../abi/socket.js';
import type { KernelMemory } from '../fs/kernel-memory.js';
import type { OpenFile } from '../fs/open-file.js';
import type { Ucred } from './actor.js';
import type { ControlMessage, Incoming, Sink } from './message.js';

/** What a message takes besides its bytes; Linux counts as much. */
export const PACKET_OVERHEAD = 768;

export interface Packet {
  readonly data: Uint8Array;
  /** Sender's struct sockaddr. */
  readonly address: Buffer | undefined;
  readonly credentials?: Ucred | undefined;
  readonly rights?: readonly OpenFile[] | undefined;
  readonly control?: readonly ControlMessage[] | undefined;
  /** It has left the queue: told to who sent it. */
  readonly onGone?: (() => void) | undefined;
}

export class PacketQueue {
  readonly #packets: Packet[] = [];
  /** Bytes with overhead, as they count against a socket's buffer. */
  charge = 0;

  constructor(readonly kernelMemory: KernelMemory) {}

  get count(): number {
    return this.#packets.length;
  }

  get first(): Packet | undefined {
    return this.#packets[0];
  }

  /** Bytes of the first message, for FIONREAD. */
  get firstLength(): number {
    return this.#packets[0]?.data.length ?? 0;
  }

  /** Bytes of all messages. */
  get bytes(): number {
    return this.charge - this.#packets.length * PACKET_OVERHEAD;
  }

  /** False where the kernel has no memory for it. */
  push(packet: Packet): boolean {
    const size = packet.data.length + PACKET_OVERHEAD;
    if (!this.kernelMemory.take(size)) return false;
    this.charge += size;
    this.#packets.push(packet);
    return true;
  }

  shift(): Packet | undefined {
    const packet = this.#packets.shift();
    if (packet === undefined) return undefined;
    const size = packet.data.length + PACKET_OVERHEAD;
    this.charge -= size;
    this.kernelMemory.give(size);
    packet.onGone?.();
    return packet;
  }

  /** Removes all; `drop` is told of each. */
  clear(drop?: (packet: Packet) => void): void {
    for (let packet = this.shift(); packet !== undefined; packet = this.shift()) drop?.(packet);
  }

  values(): Iterable<Packet> {
    return this.#packets;
  }

  /** Bytes of the first message: how many, or with MSG_TRUNC how many it has. Does not remove it. */
  deliver(packet: Packet, sink: Sink, into: Incoming): number {
    const { data, address } = packet;
    const wanted = Math.min(data.length, sink.room);
    const count = sink.put(data.subarray(0, wanted));
    if (count < wanted) return -Errno.EFAULT;
    into.address = address;
    if (count < data.length) into.flags |= Msg.TRUNC;
    return into.request & Msg.TRUNC ? data.length : count;
  }
}

/** A System V message queue, msgop(2). */
import { Errno } from '../abi/errno.js';
import type { KernelMemory } from '../fs/kernel-memory.js';
import { EventSource } from '../task/event-source.js';
import type { Credentials } from '../task/credentials.js';
import { IpcObject, ipcNow } from './ipc-table.js';

export const MSGMAX = 8192;
export const MSGMNB = 16384;
/** Bytes of the host's that a message takes besides its text. */
const MESSAGE_SIZE = 128;

export interface Message {
  readonly type: bigint;
  readonly text: Uint8Array;
}

/** Which message is taken, msgrcv(2). */
export interface Wanted {
  readonly type: bigint;
  /** MSG_EXCEPT */
  readonly except: boolean;
}

export class MessageQueue extends IpcObject {
  readonly messages: Message[] = [];
  bytes = 0;
  /** `msg_qbytes` */
  capacity = MSGMNB;
  lastSender = 0;
  lastReceiver = 0;
  sendTime = 0;
  receiveTime = 0;
  readonly changes = new EventSource();

  constructor(
    id: number,
    key: number,
    mode: number,
    credentials: Credentials,
    readonly kernelMemory: KernelMemory,
  ) {
    super(id, key, mode, credentials);
  }

  /** 0; -EAGAIN where the queue is full; -ENOMEM. */
  send(message: Message, pid: number): number {
    const { length } = message.text;
    const isFull = this.bytes + length > this.capacity || this.messages.length >= this.capacity;
    if (isFull) return -Errno.EAGAIN;
    if (!this.kernelMemory.take(length + MESSAGE_SIZE)) return -Errno.ENOMEM;
    this.messages.push(message);
    this.bytes += length;
    this.lastSender = pid;
    this.sendTime = ipcNow();
    this.changes.happened();
    return 0;
  }

  find({ type, except }: Wanted): Message | undefined {
    if (type === 0n) return this.messages[0];
    if (type > 0n) return this.messages.find((message) => (message.type === type) !== except);
    let lowest: Message | undefined;
    for (const message of this.messages) {
      if (message.type <= -type && (lowest === undefined || message.type < lowest.type)) {
        lowest = message;
      }
    }
    return lowest;
  }

  take(message: Message, pid: number): void {
    this.messages.splice(this.messages.indexOf(message), 1);
    this.#forget(message);
    this.lastReceiver = pid;
    this.receiveTime = ipcNow();
    this.changes.happened();
  }

  override remove(): void {
    for (const message of this.messages) this.#forget(message);
    this.messages.length = 0;
    this.changes.happened();
  }

  #forget({ text }: Message): void {
    this.bytes -= text.length;
    this.kernelMemory.give(text.length + MESSAGE_SIZE);
  }
}

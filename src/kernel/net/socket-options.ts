/** Options of SOL_SOCKET, socket(7). */
import { Errno } from '../abi/errno.js';
import { So } from '../abi/socket.js';
import { putLong, readLong } from '../time/timespec.js';
import { type IntOption, IntOptions, intValue, type IntOptionTable } from './int-options.js';

/** /proc/sys/net/core/wmem_default and wmem_max, and the same of rmem. */
export const DEFAULT_BUFFER = 212992;
const MAX_BUFFER = 212992;
/** Least sizes: SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF. */
const MIN_SEND_BUFFER = 4608;
const MIN_RECEIVE_BUFFER = 2304;

const FLAG: IntOption = { initial: 0, isFlag: true };

const TABLE: IntOptionTable = new Map<number, IntOption>([
  [So.DEBUG, FLAG],
  [So.REUSEADDR, FLAG],
  [So.DONTROUTE, FLAG],
  [So.BROADCAST, FLAG],
  [So.SNDBUF, { initial: DEFAULT_BUFFER }],
  [So.RCVBUF, { initial: DEFAULT_BUFFER }],
  [So.KEEPALIVE, FLAG],
  [So.OOBINLINE, FLAG],
  [So.NO_CHECK, FLAG],
  [So.PRIORITY, { initial: 0 }],
  [So.REUSEPORT, FLAG],
  [So.PASSCRED, FLAG],
  [So.RCVLOWAT, { initial: 1 }],
  [So.SNDLOWAT, { initial: 1, readOnly: true }],
  [So.TIMESTAMP, FLAG],
  [So.TIMESTAMPNS, FLAG],
  [So.PASSSEC, FLAG],
  [So.MARK, { initial: 0 }],
  [So.RXQ_OVFL, FLAG],
  [So.PEEK_OFF, { initial: -1 }],
  [So.SELECT_ERR_QUEUE, FLAG],
  [So.MAX_PACING_RATE, { initial: -1 }],
  [So.BUSY_POLL, { initial: 0, min: 0 }],
  [So.INCOMING_CPU, { initial: -1 }],
  [So.ZEROCOPY, FLAG],
]);

const TIMEVAL_SIZE = 16;
const LINGER_SIZE = 8;
const MICROSECONDS = 1_000_000;

export class SocketOptions {
  readonly ints = new IntOptions(TABLE);
  /** Milliseconds; `Infinity`: none. */
  receiveTimeout = Infinity;
  sendTimeout = Infinity;
  /** SO_LINGER in seconds; undefined where it is off. */
  linger: number | undefined;
  #lingerTime = 0;
  /** The program has chosen the size itself. */
  sendBufferSet = false;
  receiveBufferSet = false;

  get sendBuffer(): number {
    return this.ints.get(So.SNDBUF) ?? DEFAULT_BUFFER;
  }

  get receiveBuffer(): number {
    return this.ints.get(So.RCVBUF) ?? DEFAULT_BUFFER;
  }

  isOn(name: number): boolean {
    return this.ints.isOn(name);
  }

  /** What accept(2) gives the new socket of the listening one's. */
  inherit(from: SocketOptions): void {
    this.ints.inherit(from.ints);
    this.receiveTimeout = from.receiveTimeout;
    this.sendTimeout = from.sendTimeout;
    this.linger = from.linger;
    this.sendBufferSet = from.sendBufferSet;
    this.receiveBufferSet = from.receiveBufferSet;
  }

  /** 0 or -errno. */
  set(name: number, value: Buffer, privileged: boolean): number {
    switch (name) {
      case So.LINGER:
        return this.#setLinger(value);
      case So.RCVTIMEO:
      case So.SNDTIMEO:
        return this.#setTimeout(name, value);
    }
    if (value.length < 4) return -Errno.EINVAL;
    const number = value.readInt32LE(0);
    switch (name) {
      case So.SNDBUF:
      case So.RCVBUF:
        return this.#setBuffer(name, number, MAX_BUFFER);
      case So.SNDBUFFORCE:
      case So.RCVBUFFORCE:
        // As much as without privilege: the memory is the host's.
        return privileged
          ? this.#setBuffer(name === So.SNDBUFFORCE ? So.SNDBUF : So.RCVBUF, number, MAX_BUFFER)
          : -Errno.EPERM;
      case So.RCVLOWAT:
        this.ints.set(name, number < 0 ? 0x7fffffff : Math.max(1, number));
        return 0;
      case So.MARK:
        return privileged ? (this.ints.set(name, number) ?? 0) : -Errno.EPERM;
      case So.PRIORITY:
        return (number < 0 || number > 6) && !privileged
          ? -Errno.EPERM
          : (this.ints.set(name, number) ?? 0);
      default:
        return this.ints.set(name, number) ?? -Errno.ENOPROTOOPT;
    }
  }

  get(name: number): Buffer | number {
    switch (name) {
      case So.LINGER: {
        const bytes = Buffer.alloc(LINGER_SIZE);
        bytes.writeInt32LE(this.linger === undefined ? 0 : 1, 0);
        bytes.writeInt32LE(this.linger ?? this.#lingerTime, 4);
        return bytes;
      }
      case So.RCVTIMEO:
        return timeval(this.receiveTimeout);
      case So.SNDTIMEO:
        return timeval(this.sendTimeout);
    }
    const value = this.ints.get(name);
    return value === undefined ? -Errno.ENOPROTOOPT : intValue(value);
  }

  #setBuffer(name: number, wanted: number, max: number): number {
    const isSend = name === So.SNDBUF;
    const size = 2 * Math.min(wanted < 0 ? max : wanted, max);
    this.ints.set(name, Math.max(size, isSend ? MIN_SEND_BUFFER : MIN_RECEIVE_BUFFER));
    if (isSend) this.sendBufferSet = true;
    else this.receiveBufferSet = true;
    return 0;
  }

  #setLinger(value: Buffer): number {
    if (value.length < LINGER_SIZE) return -Errno.EINVAL;
    const seconds = value.readInt32LE(4);
    if (value.readInt32LE(0) === 0) {
      this.#lingerTime = this.linger ?? this.#lingerTime;
      this.linger = undefined;
    } else {
      this.linger = seconds;
    }
    return 0;
  }

  #setTimeout(name: number, value: Buffer): number {
    if (value.length < TIMEVAL_SIZE) return -Errno.EINVAL;
    const seconds = readLong(value, 0);
    const micros = readLong(value, 8);
    if (micros < 0 || micros >= MICROSECONDS) return -Errno.EDOM;
    const time = seconds < 0 ? 0.001 : seconds * 1000 + micros / 1000;
    const timeout = time === 0 ? Infinity : time;
    if (name === So.RCVTIMEO) this.receiveTimeout = timeout;
    else this.sendTimeout = timeout;
    return 0;
  }
}

function timeval(milliseconds: number): Buffer {
  const bytes = Buffer.alloc(TIMEVAL_SIZE);
  if (milliseconds !== Infinity) {
    const seconds = Math.floor(milliseconds / 1000);
    putLong(bytes, 0, seconds);
    putLong(bytes, 8, Math.round((milliseconds - seconds * 1000) * 1000));
  }
  return bytes;
}

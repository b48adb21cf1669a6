/** The other end of a TCP connection: a socket of the sandbox, or one of the host's. */
import type { Source } from '../message.js';

export interface TcpEnd {
  /** Bytes that it would take. */
  readonly room: number;
  /** Bytes that it would take with nothing on the way. */
  readonly capacity: number;
  /** Bytes it took that its program has not read. */
  readonly held: number;
  /** Takes bytes: how many, or -EAGAIN where it has no room. The last one may be urgent. */
  take(source: Source, urgent: boolean): number;
  /** FIN: no more will be sent. */
  finish(): void;
  /** RST: the connection is no more. */
  reset(): void;
  /** What it sent was read: it may send more. */
  windowOpened(): void;
}

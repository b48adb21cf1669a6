/** Options of IPPROTO_TCP that are not kept as they are set, tcp(7). */
import { Errno } from '../../abi/errno.js';
import { TcpOption } from '../../abi/socket.js';
import { RECEIVE_ENDED, SEND_ENDED } from '../socket.js';
import { intValue } from '../int-options.js';
import type { TcpConnection } from './tcp-connection.js';

const CONGESTION_CONTROL = 'cubic';
const NAME_SIZE = 16;
const DEFAULT_SEGMENT = 536;
const LOOPBACK_SEGMENT = 65483;
/** struct tcp_info of Linux 6.1. */
const INFO_SIZE = 232;

/** TCP_ESTABLISHED and so on, <netinet/tcp.h>. */
const State = { ESTABLISHED: 1, SYN_SENT: 2, FIN_WAIT2: 5, CLOSE: 7, CLOSE_WAIT: 8, LISTEN: 10 };

export function setTcpOption(socket: TcpConnection, name: number, value: Buffer): number {
  if (name === TcpOption.CONGESTION) {
    const wanted = value.toString('latin1', 0, NAME_SIZE - 1).replace(/\0.*$/s, '');
    return wanted === CONGESTION_CONTROL || wanted === 'reno' ? 0 : -Errno.ENOENT;
  }
  if (value.length < 4) return -Errno.EINVAL;
  const number = value.readInt32LE(0);
  if (name === TcpOption.MAXSEG) return number < 88 || number > 32767 ? -Errno.EINVAL : 0;
  return socket.tcpOptions.set(name, number) ?? -Errno.ENOPROTOOPT;
}

export function getTcpOption(socket: TcpConnection, name: number): Buffer | number {
  switch (name) {
    case TcpOption.CONGESTION: {
      const bytes = Buffer.alloc(NAME_SIZE);
      bytes.write(CONGESTION_CONTROL, 'latin1');
      return bytes;
    }
    case TcpOption.MAXSEG:
      return intValue(socket.state === 'connected' ? LOOPBACK_SEGMENT : DEFAULT_SEGMENT);
    case TcpOption.INFO:
      return tcpInfo(socket);
    default: {
      const value = socket.tcpOptions.get(name);
      return value === undefined ? -Errno.ENOPROTOOPT : intValue(value);
    }
  }
}

/** State of the protocol, as /proc/net/tcp and TCP_INFO number it. */
export function tcpStateNumber({ state, ended }: TcpConnection): number {
  switch (state) {
    case 'listening':
      return State.LISTEN;
    case 'connecting':
      return State.SYN_SENT;
    case 'connected':
      if (ended & RECEIVE_ENDED) return State.CLOSE_WAIT;
      return ended & SEND_ENDED ? State.FIN_WAIT2 : State.ESTABLISHED;
    default:
      return State.CLOSE;
  }
}

/** struct tcp_info: the state, and sizes that do not change. */
function tcpInfo(socket: TcpConnection): Buffer {
  const bytes = Buffer.alloc(INFO_SIZE);
  const [rto, ato, sendSegment, receiveSegment] = [8, 12, 16, 20];
  bytes.writeUInt8(tcpStateNumber(socket), 0);
  bytes.writeUInt32LE(200_000, rto);
  bytes.writeUInt32LE(40_000, ato);
  const segment = socket.state === 'connected' ? LOOPBACK_SEGMENT : DEFAULT_SEGMENT;
  bytes.writeUInt32LE(segment, sendSegment);
  bytes.writeUInt32LE(segment, receiveSegment);
  return bytes;
}

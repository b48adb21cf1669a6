/** /proc/PID/net, proc(5): the sockets of the sandbox, and its one device. */
import { Sock } from '../../abi/socket.js';
import { bytesOf, type Endpoint, mappedBytes } from '../../net/inet/ip-address.js';
import type { InetSocket } from '../../net/inet/inet-socket.js';
import { tcpStateNumber } from '../../net/inet/tcp-options.js';
import { TcpSocket } from '../../net/inet/tcp-socket.js';
import { UdpSocket } from '../../net/inet/udp-socket.js';
import type { Network } from '../../net/network.js';
import { encodeUnixAddress } from '../../net/unix/unix-address.js';
import { UnixSocket } from '../../net/unix/unix-socket.js';
import type { Caller } from '../caller.js';
import type { Inode } from '../inode.js';
import { type EntryFactory, ProcDirectory, ROOT } from './proc-inode.js';
import type { ProcFs } from './procfs.js';

const UDP_STATE = 7;
const UDP_CONNECTED = 1;
/** SS_UNCONNECTED and SS_CONNECTED; SO_ACCEPTCON. */
const [UNCONNECTED, CONNECTED] = [1, 3];
const LISTENING = 0x10000;

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** Words of an address, each in the order of this machine, and a port. */
function endpointText({ address, port }: Endpoint, isV6: boolean): string {
  const bytes = isV6 ? mappedBytes(address) : bytesOf(address);
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) text += hex(bytes.readUInt32LE(at), 8);
  return `${text}:${hex(port, 4)}`;
}

function inetLine(socket: InetSocket, index: number, state: number, waiting: number): string {
  const { isV6 } = socket;
  const none = isV6 ? `${'0'.repeat(32)}:0000` : '00000000:0000';
  const remote = socket.remote === undefined ? none : endpointText(socket.remote, isV6);
  return (
    `${String(index).padStart(4)}: ${endpointText(socket.local, isV6)} ${remote} ${hex(state, 2)} ` +
    `00000000:${hex(waiting, 8)} 00:00000000 00000000 ${String(socket.uid).padStart(5)}        0 ` +
    `${String(socket.inodeNumber)} 1 0000000000000000`
  );
}

const LINE_4 = { tcp: 149, udp: 127 };
const REST = 'st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

/** Names of the columns. Those of IPv4 are filled with blanks, as are its lines. */
function titleOf(isV6: boolean, width: number, indent: string, more: string): string {
  const names = isV6
    ? `  sl  ${'local_address'.padEnd(38)}${'remote_address'.padEnd(38)}${REST}${more}`
    : `${indent}  sl  local_address rem_address   ${REST}${more}`;
  return isV6 ? names : names.padEnd(width);
}

function tcpText(network: Network, isV6: boolean): string {
  const lines = [titleOf(isV6, LINE_4.tcp, '', '')];
  for (const socket of network.tcpPorts.all()) {
    if (!(socket instanceof TcpSocket) || socket.isV6 !== isV6) continue;
    const line = inetLine(socket, lines.length - 1, tcpStateNumber(socket), socket.incoming.length);
    lines.push(`${line} 100 0 0 10 0`.padEnd(isV6 ? 0 : LINE_4.tcp));
  }
  return `${lines.join('\n')}\n`;
}

function udpText(network: Network, isV6: boolean): string {
  const lines = [titleOf(isV6, LINE_4.udp, ' ', ' ref pointer drops')];
  for (const socket of network.udpPorts.all()) {
    if (!(socket instanceof UdpSocket) || socket.isV6 !== isV6) continue;
    const state = socket.remote === undefined ? UDP_STATE : UDP_CONNECTED;
    const line = `${inetLine(socket, lines.length - 1, state, socket.waiting)} 0`;
    lines.push((isV6 ? line : ` ${line}`).padEnd(isV6 ? 0 : LINE_4.udp));
  }
  return `${lines.join('\n')}\n`;
}

function unixText(network: Network): string {
  let text = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
  for (const socket of network.sockets) {
    if (!(socket instanceof UnixSocket)) continue;
    const joined = socket.peer !== undefined && socket.kind.type !== Sock.DGRAM;
    const state = joined ? CONNECTED : UNCONNECTED;
    const name = encodeUnixAddress(socket.address).toString('latin1', 2);
    const path = name.startsWith('\0') ? `@${name.slice(1)}` : name.replace(/\0$/, '');
    text +=
      `0000000000000000: ${hex(joined ? 3 : 2, 8)} 00000000 ` +
      `${hex(socket.isListening ? LISTENING : 0, 8)} ${hex(socket.kind.type, 4)} ${hex(state, 2)} ` +
      `${String(socket.inodeNumber)}${path === '' ? '' : ` ${path.replaceAll('\0', '@')}`}\n`;
  }
  return text;
}

const DEVICES =
  'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n' +
  '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n';

const ROUTES =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';

export function networkDirectory(fs: ProcFs, path: string): Inode {
  const withNetwork = (content: (network: Network) => string) => (caller: Caller) =>
    caller.kernel === undefined ? '' : content(caller.kernel.network);
  const files: readonly (readonly [string, (caller: Caller) => string])[] = [
    ['dev', () => DEVICES],
    ['if_inet6', () => '00000000000000000000000000000001 01 80 10 80       lo\n'],
    ['route', () => `${ROUTES.padEnd(127)}\n`],
    ['tcp', withNetwork((network) => tcpText(network, false))],
    ['tcp6', withNetwork((network) => tcpText(network, true))],
    ['udp', withNetwork((network) => udpText(network, false))],
    ['udp6', withNetwork((network) => udpText(network, true))],
    ['unix', withNetwork(unixText)],
  ];
  const entries = files.map(([name, content]): [string, EntryFactory] => [
    name,
    (at) => fs.file(at, content),
  ]);
  return new ProcDirectory(fs, path, ROOT, new Map(entries));
}

/** Requests about network interfaces, netdevice(7): there is `lo` and nothing else. */
import { Errno } from '../abi/errno.js';
import { Af, SocketIoctl } from '../abi/socket.js';
import type { Task } from '../task/task.js';

export const LOOPBACK_NAME = 'lo';
export const LOOPBACK_INDEX = 1;
export const LOOPBACK_MTU = 65536;
/** IFF_UP, IFF_LOOPBACK and IFF_RUNNING. */
export const LOOPBACK_FLAGS = 0x49;
export const ARPHRD_LOOPBACK = 772;

const IFREQ_SIZE = 40;
const NAME_SIZE = 16;
const IFCONF_SIZE = 16;
const LENGTH_MAX = 0x7fffffff;

/** struct sockaddr_in without a port, at `at`. */
function putAddress(bytes: Buffer, at: number, address: readonly number[]): void {
  bytes.writeUInt16LE(Af.INET, at);
  bytes.set(address, at + 4);
}

function nameIn(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 || end >= NAME_SIZE ? NAME_SIZE - 1 : end);
}

/** Fills the answer in; -errno. */
function answer(bytes: Buffer, request: number): number {
  const at = NAME_SIZE;
  bytes.fill(0, at);
  switch (request) {
    case SocketIoctl.SIOCGIFFLAGS:
      bytes.writeInt16LE(LOOPBACK_FLAGS, at);
      return 0;
    case SocketIoctl.SIOCGIFADDR:
    case SocketIoctl.SIOCGIFDSTADDR:
      putAddress(bytes, at, [127, 0, 0, 1]);
      return 0;
    case SocketIoctl.SIOCGIFBRDADDR:
      putAddress(bytes, at, [0, 0, 0, 0]);
      return 0;
    case SocketIoctl.SIOCGIFNETMASK:
      putAddress(bytes, at, [255, 0, 0, 0]);
      return 0;
    case SocketIoctl.SIOCGIFMETRIC:
      return 0;
    case SocketIoctl.SIOCGIFMTU:
      bytes.writeInt32LE(LOOPBACK_MTU, at);
      return 0;
    case SocketIoctl.SIOCGIFHWADDR:
      bytes.writeUInt16LE(ARPHRD_LOOPBACK, at);
      return 0;
    case SocketIoctl.SIOCGIFINDEX:
      bytes.writeInt32LE(LOOPBACK_INDEX, at);
      return 0;
    case SocketIoctl.SIOCGIFTXQLEN:
      bytes.writeInt32LE(1000, at);
      return 0;
    default:
      return -Errno.ENOTTY;
  }
}

const NAMED: ReadonlySet<number> = new Set([
  SocketIoctl.SIOCGIFFLAGS,
  SocketIoctl.SIOCGIFADDR,
  SocketIoctl.SIOCGIFDSTADDR,
  SocketIoctl.SIOCGIFBRDADDR,
  SocketIoctl.SIOCGIFNETMASK,
  SocketIoctl.SIOCGIFMETRIC,
  SocketIoctl.SIOCGIFMTU,
  SocketIoctl.SIOCGIFHWADDR,
  SocketIoctl.SIOCGIFINDEX,
  SocketIoctl.SIOCGIFTXQLEN,
]);

/** SIOCSIFFLAGS, SIOCSIFADDR and the others that change a device. */
const SETTERS: ReadonlySet<number> = new Set([
  0x890b, 0x890c, 0x8914, 0x8916, 0x8918, 0x891a, 0x891c, 0x891e, 0x8922, 0x8923, 0x8924,
]);

export function interfaceIoctl(task: Task, request: number, argument: number): number {
  if (SETTERS.has(request)) return -Errno.EPERM;
  if (request === SocketIoctl.SIOCGIFCONF) return listInterfaces(task, argument);
  if (request !== SocketIoctl.SIOCGIFNAME && !NAMED.has(request)) return -Errno.ENOTTY;
  const bytes = Buffer.alloc(IFREQ_SIZE);
  if (!task.mm.read(argument, bytes)) return -Errno.EFAULT;
  const error =
    request === SocketIoctl.SIOCGIFNAME ? nameOfIndex(bytes) : answerNamed(bytes, request);
  return error < 0 ? error : task.mm.write(argument, bytes);
}

function answerNamed(bytes: Buffer, request: number): number {
  return nameIn(bytes) === LOOPBACK_NAME ? answer(bytes, request) : -Errno.ENODEV;
}

function nameOfIndex(bytes: Buffer): number {
  if (bytes.readInt32LE(NAME_SIZE) !== LOOPBACK_INDEX) return -Errno.ENODEV;
  bytes.fill(0, 0, NAME_SIZE);
  bytes.write(LOOPBACK_NAME, 'latin1');
  return 0;
}

/** struct ifconf: a length, and where the records go; without a place only their length is told. */
function listInterfaces(task: Task, argument: number): number {
  const conf = Buffer.alloc(IFCONF_SIZE);
  if (!task.mm.read(argument, conf)) return -Errno.EFAULT;
  const room = conf.readInt32LE(0);
  const target = conf.readUInt32LE(8) + conf.readUInt32LE(12) * 4294967296;
  const record = Buffer.alloc(IFREQ_SIZE);
  record.write(LOOPBACK_NAME, 'latin1');
  putAddress(record, NAME_SIZE, [127, 0, 0, 1]);
  let length = IFREQ_SIZE;
  if (target !== 0) {
    length = room >= IFREQ_SIZE && room <= LENGTH_MAX ? IFREQ_SIZE : 0;
    if (length > 0 && task.mm.write(target, record) < 0) return -Errno.EFAULT;
  }
  conf.writeInt32LE(length, 0);
  return task.mm.write(argument, conf);
}

/** Sockets and their connections: socket(2), bind(2), listen(2), accept(2), connect(2), shutdown(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Sock } from '../abi/socket.js';
import { createPair, createSocket } from '../net/create-socket.js';
import type { Socket, SocketKind } from '../net/socket.js';
import type { Task } from '../task/task.js';
import { descriptorLimit, giveDescriptor, givePair } from './file-descriptor-argument.js';
import type { SyscallResult, SyscallRow } from './row.js';
import { giveAddress, readAddress, socketOf } from './socket-argument.js';
import { TaskActor } from './socket-places.js';
import { attempt } from './socket-wait.js';

const SOCK_FLAGS = Sock.NONBLOCK | Sock.CLOEXEC;

/** The kind that three arguments name; undefined for flags that there are not. */
function kindOf(args: Registers): SocketKind | undefined {
  const type = args.argumentInt(1);
  if (type & ~(Sock.TYPE_MASK | SOCK_FLAGS)) return undefined;
  const domain = args.argumentInt(0);
  return { domain, type: type & Sock.TYPE_MASK, protocol: args.argumentInt(2) };
}

function applyFlags(socket: Socket, flags: number): void {
  if (flags & Sock.NONBLOCK) socket.setStatusFlags(socket.flags | O.NONBLOCK);
}

function sysSocket(task: Task, args: Registers): number {
  const kind = kindOf(args);
  if (kind === undefined) return -Errno.EINVAL;
  const socket = createSocket(task.kernel.network, kind, task);
  if (typeof socket === 'number') return socket;
  const flags = args.argumentInt(1);
  applyFlags(socket, flags);
  return giveDescriptor(task, socket, (flags & Sock.CLOEXEC) !== 0);
}

function sysSocketpair(task: Task, args: Registers): number {
  const kind = kindOf(args);
  if (kind === undefined) return -Errno.EINVAL;
  const pair = createPair(task.kernel.network, kind, task);
  if (typeof pair === 'number') return pair;
  const flags = args.argumentInt(1);
  for (const socket of pair) applyFlags(socket, flags);
  return givePair(task, args.argument(3), pair, (flags & Sock.CLOEXEC) !== 0);
}

function sysBind(task: Task, args: Registers): number {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const address = readAddress(task, args.argument(1), args.argumentInt(2));
  return typeof address === 'number' ? address : socket.bind(new TaskActor(task), address);
}

function sysListen(task: Task, args: Registers): number {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  return socket.listen(new TaskActor(task), args.argumentInt(1));
}

function sysConnect(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const address = readAddress(task, args.argument(1), args.argumentInt(2));
  if (typeof address === 'number') return address;
  const actor = new TaskActor(task);
  const timeout = socket.nonBlocking ? 0 : socket.options.sendTimeout;
  const result = attempt(task, socket, POLL_WRITABLE, timeout, () =>
    socket.connect(actor, address),
  );
  if (typeof result !== 'number') return result;
  // A call that a signal cut short comes again while the connection is on its way.
  const isUnderWay = result === -Errno.EINPROGRESS || result === -Errno.EALREADY;
  return isUnderWay && timeout > 0 ? waitForConnection(task, socket, timeout) : result;
}

async function waitForConnection(task: Task, socket: Socket, timeout: number): Promise<number> {
  const result = await attempt(task, socket, POLL_WRITABLE, timeout, () => socket.finishConnect());
  return result === -Errno.EAGAIN ? -Errno.EINPROGRESS : result;
}

function accept(task: Task, args: Registers, flags: number): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  if (flags & ~SOCK_FLAGS) return -Errno.EINVAL;
  const [name, nameLength] = [args.argument(1), args.argument(2)];
  const timeout = socket.nonBlocking ? 0 : socket.options.receiveTimeout;
  // What could not be given a descriptor stays in the queue.
  if (!task.files.hasRoom(descriptorLimit(task))) return -Errno.EMFILE;
  return attempt(task, socket, POLL_READABLE, timeout, () => {
    if (!task.files.hasRoom(descriptorLimit(task))) return -Errno.EMFILE;
    const accepted = socket.accept();
    if (typeof accepted === 'number') return accepted;
    applyFlags(accepted, flags);
    const peer = accepted.peerName();
    const fd = giveDescriptor(task, accepted, (flags & Sock.CLOEXEC) !== 0);
    if (fd < 0 || name === 0) return fd;
    // Linux calls it aborted where the other end has gone already.
    const error =
      typeof peer === 'number' ? -Errno.ECONNABORTED : giveAddress(task, peer, name, nameLength);
    if (error < 0) task.files.close(fd);
    return error < 0 ? error : fd;
  });
}

function sysAccept(task: Task, args: Registers): SyscallResult {
  return accept(task, args, 0);
}

function sysAccept4(task: Task, args: Registers): SyscallResult {
  return accept(task, args, args.argumentInt(3));
}

function sysGetsockname(task: Task, args: Registers): number {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  return giveAddress(task, socket.localName(), args.argument(1), args.argument(2));
}

function sysGetpeername(task: Task, args: Registers): number {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const peer = socket.peerName();
  return typeof peer === 'number'
    ? peer
    : giveAddress(task, peer, args.argument(1), args.argument(2));
}

function sysShutdown(task: Task, args: Registers): number {
  const socket = socketOf(task, args.argumentInt(0));
  return typeof socket === 'number' ? socket : socket.shutdown(args.argumentInt(1));
}

const KIND = ['socket-domain', 'socket-type', 'socket-protocol'] as const;
const ADDRESS_OUT = ['fd', 'socket-address-out', 'length-out'] as const;
const FAMILIES = 'families other than AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK; raw sockets';

export const rows: readonly SyscallRow[] = [
  {
    number: 41,
    name: 'socket',
    handler: sysSocket,
    args: KIND,
    support: 'partial',
    missing: FAMILIES,
  },
  {
    number: 42,
    name: 'connect',
    handler: sysConnect,
    args: ['fd', 'socket-address', 'int'],
    support: 'full',
  },
  { number: 43, name: 'accept', handler: sysAccept, args: ADDRESS_OUT, support: 'full' },
  { number: 48, name: 'shutdown', handler: sysShutdown, args: ['fd', 'shut-how'], support: 'full' },
  {
    number: 49,
    name: 'bind',
    handler: sysBind,
    args: ['fd', 'socket-address', 'int'],
    support: 'full',
  },
  { number: 50, name: 'listen', handler: sysListen, args: ['fd', 'int'], support: 'full' },
  { number: 51, name: 'getsockname', handler: sysGetsockname, args: ADDRESS_OUT, support: 'full' },
  { number: 52, name: 'getpeername', handler: sysGetpeername, args: ADDRESS_OUT, support: 'full' },
  {
    number: 53,
    name: 'socketpair',
    handler: sysSocketpair,
    args: [...KIND, 'descriptors-out'],
    support: 'full',
  },
  {
    number: 288,
    name: 'accept4',
    handler: sysAccept4,
    args: [...ADDRESS_OUT, 'socket-flags'],
    support: 'full',
  },
];

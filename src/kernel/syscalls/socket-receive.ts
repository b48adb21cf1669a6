/** recvfrom(2), recvmsg(2), recvmmsg(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { Msg } from '../abi/socket.js';
import { Incoming } from '../net/message.js';
import type { Socket } from '../net/socket.js';
import type { Task } from '../task/task.js';
import { toMilliseconds } from '../time/clock.js';
import { readTimespec } from '../time/timespec.js';
import { MMSGHDR_LENGTH, MMSGHDR_SIZE, readHeader, writeHeader } from './message-header.js';
import type { MessageHeader } from './message-header.js';
import type { SyscallResult, SyscallRow } from './row.js';
import { bufferOf, giveAddress, socketOf, writeInt } from './socket-argument.js';
import { writeControl } from './socket-control.js';
import { MESSAGES_MAX } from './socket-send.js';
import { receiveSegments } from './socket-transfer.js';

function sysRecvfrom(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const segments = bufferOf(task, args.argument(1), args.argument(2));
  if (typeof segments === 'number') return segments;
  const into = new Incoming(args.argumentUint(3));
  const [name, nameLength] = [args.argument(4), args.argument(5)];
  const finish = (count: number): number => {
    for (const file of into.rights) file.decRef();
    if (count < 0 || name === 0) return count;
    const address = into.address ?? Buffer.alloc(0);
    const error = giveAddress(task, address, name, nameLength);
    return error < 0 ? error : count;
  };
  const result = receiveSegments(task, socket, segments, into);
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

function sysRecvmsg(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  return receiveOne(task, socket, args.argument(1), args.argumentUint(2));
}

/** Receives into what the struct msghdr at `at` names. */
function receiveOne(task: Task, socket: Socket, at: number, flags: number): SyscallResult {
  const header = readHeader(task, at);
  if (typeof header === 'number') return header;
  const into = new Incoming(flags);
  into.flags = flags & Msg.CMSG_CLOEXEC;
  const finish = (count: number): number =>
    count < 0 ? count : tellBack(task, header, into) || count;
  const result = receiveSegments(task, socket, header.segments, into);
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

/** Name, control messages and flags; 0 or -EFAULT. */
function tellBack(task: Task, header: MessageHeader, into: Incoming): number {
  const controlLength = writeControl(task, into, header.control, header.controlLength);
  if (controlLength < 0) return controlLength;
  const address = into.address ?? Buffer.alloc(0);
  const shown = address.subarray(0, header.nameLength);
  if (shown.length > 0 && task.mm.write(header.name, shown) < 0) return -Errno.EFAULT;
  const nameLength = header.name === 0 ? undefined : address.length;
  return writeHeader(task, header, nameLength, controlLength, into.flags);
}

function sysRecvmmsg(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  let until = Infinity;
  const timeout = args.argument(4);
  if (timeout !== 0) {
    const time = readTimespec(task.mm, timeout);
    if (typeof time === 'number') return time;
    until = performance.now() + toMilliseconds(time);
  }
  const count = Math.min(args.argumentUint(2), MESSAGES_MAX);
  return receiveMany(task, socket, args.argument(1), count, args.argumentUint(3), until);
}

/** The time is only looked at between two messages, as recvmmsg(2) says under BUGS. */
async function receiveMany(
  task: Task,
  socket: Socket,
  at: number,
  count: number,
  flags: number,
  until: number,
): Promise<number> {
  let wanted = flags & ~Msg.WAITFORONE;
  for (let index = 0; index < count; index++) {
    const place = at + index * MMSGHDR_SIZE;
    const length = await receiveOne(task, socket, place, wanted);
    const error = length < 0 ? length : writeInt(task, place + MMSGHDR_LENGTH, length);
    if (error < 0) return index > 0 ? index : error;
    if (flags & Msg.WAITFORONE) wanted |= Msg.DONTWAIT;
    if (performance.now() >= until) return index + 1;
  }
  return count;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 45,
    name: 'recvfrom',
    handler: sysRecvfrom,
    args: ['fd', 'buffer-out', 'size', 'message-flags', 'socket-address-out', 'length-out'],
    support: 'full',
  },
  {
    number: 47,
    name: 'recvmsg',
    handler: sysRecvmsg,
    args: ['fd', 'message-out', 'message-flags'],
    support: 'partial',
    missing: 'MSG_ERRQUEUE: there is no error queue',
  },
  {
    number: 299,
    name: 'recvmmsg',
    handler: sysRecvmmsg,
    args: ['fd', 'messages-out', 'uint', 'message-flags', 'timespec'],
    support: 'full',
  },
];

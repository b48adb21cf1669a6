/** sendto(2), sendmsg(2), sendmmsg(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Outgoing } from '../net/message.js';
import type { Socket } from '../net/socket.js';
import type { Task } from '../task/task.js';
import { MMSGHDR_LENGTH, MMSGHDR_SIZE, readHeader } from './message-header.js';
import type { SyscallResult, SyscallRow } from './row.js';
import { bufferOf, readAddress, socketOf, writeInt } from './socket-argument.js';
import { dropControl, readControl } from './socket-control.js';
import { sendSegments } from './socket-transfer.js';

/** Most messages of one sendmmsg(2). */
export const MESSAGES_MAX = 1024;

function sysSendto(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const segments = bufferOf(task, args.argument(1), args.argument(2));
  if (typeof segments === 'number') return segments;
  const flags = args.argumentUint(3);
  const name = args.argument(4);
  if (name === 0) return sendSegments(task, socket, segments, { flags });
  const address = readAddress(task, name, args.argumentInt(5));
  if (typeof address === 'number') return address;
  return sendSegments(task, socket, segments, address.length > 0 ? { flags, address } : { flags });
}

function sysSendmsg(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  return sendOne(task, socket, args.argument(1), args.argumentUint(2));
}

/** Sends the message of the struct msghdr at `at`. */
function sendOne(task: Task, socket: Socket, at: number, flags: number): SyscallResult {
  const header = readHeader(task, at);
  if (typeof header === 'number') return header;
  const address =
    header.nameLength > 0 ? readAddress(task, header.name, header.nameLength) : undefined;
  if (typeof address === 'number') return address;
  const control = readControl(task, socket, header.control, header.controlLength);
  if (typeof control === 'number') return control;
  const message: Outgoing = {
    flags,
    address,
    ...(control.rights.length > 0 ? { rights: control.rights } : {}),
    ...(control.credentials === undefined ? {} : { credentials: control.credentials }),
    ...(control.messages.length > 0 ? { control: control.messages } : {}),
  };
  const result = sendSegments(task, socket, header.segments, message);
  // What was sent holds the files; what was not sent lets go of them.
  const finish = (count: number): number => {
    if (count < 0 || (count === 0 && socket.isStream)) dropControl(control);
    return count;
  };
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

function sysSendmmsg(task: Task, args: Registers): SyscallResult {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const count = Math.min(args.argumentUint(2), MESSAGES_MAX);
  return sendMany(task, socket, args.argument(1), count, args.argumentUint(3), 0);
}

/** Messages from the `done`th on: how many were sent, or -errno where the first was not. */
function sendMany(
  task: Task,
  socket: Socket,
  at: number,
  count: number,
  flags: number,
  done: number,
): SyscallResult {
  for (let index = done; index < count; index++) {
    const place = at + index * MMSGHDR_SIZE;
    const result = sendOne(task, socket, place, flags);
    if (typeof result !== 'number') {
      return result.then((length) => {
        const error = length < 0 ? length : writeInt(task, place + MMSGHDR_LENGTH, length);
        if (error < 0) return index > 0 ? index : error;
        return sendMany(task, socket, at, count, flags, index + 1);
      });
    }
    const error = result < 0 ? result : writeInt(task, place + MMSGHDR_LENGTH, result);
    if (error < 0) return index > 0 ? index : error === -Errno.EFAULT ? error : result;
  }
  return count;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 44,
    name: 'sendto',
    handler: sysSendto,
    args: ['fd', 'buffer-in', 'size', 'message-flags', 'socket-address', 'int'],
    support: 'full',
  },
  {
    number: 46,
    name: 'sendmsg',
    handler: sysSendmsg,
    args: ['fd', 'message-in', 'message-flags'],
    support: 'full',
  },
  {
    number: 307,
    name: 'sendmmsg',
    handler: sysSendmmsg,
    args: ['fd', 'messages-in', 'uint', 'message-flags'],
    support: 'full',
  },
];

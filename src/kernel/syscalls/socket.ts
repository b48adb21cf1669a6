/**
 * Calls on sockets: there are none, so no descriptor is one. Programs ask to learn whether a descriptor is a
 * socket, and would take any other error for a yes.
 */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import { usableFile } from './file-descriptor-argument.js';
import type { SyscallRow } from './row.js';

function notASocket(task: Task, args: Registers): number {
  return usableFile(task, args.argumentInt(0)) === undefined ? -Errno.EBADF : -Errno.ENOTSOCK;
}

function row(number: number, name: string, args: SyscallRow['args']): SyscallRow {
  const missing = 'sockets: no descriptor is one';
  return { number, name, handler: notASocket, args, support: 'partial', missing };
}

const MESSAGE = ['fd', 'pointer', 'hex'] as const;
const MESSAGES = ['fd', 'pointer', 'uint', 'hex'] as const;
const ADDRESS = ['fd', 'pointer', 'pointer'] as const;
const BYTES = ['fd', 'pointer', 'size', 'hex', 'pointer'] as const;

export const rows: readonly SyscallRow[] = [
  row(42, 'connect', ['fd', 'pointer', 'int']),
  row(43, 'accept', ADDRESS),
  row(44, 'sendto', [...BYTES, 'int']),
  row(45, 'recvfrom', [...BYTES, 'pointer']),
  row(46, 'sendmsg', MESSAGE),
  row(47, 'recvmsg', MESSAGE),
  row(48, 'shutdown', ['fd', 'int']),
  row(49, 'bind', ['fd', 'pointer', 'int']),
  row(50, 'listen', ['fd', 'int']),
  row(51, 'getsockname', ADDRESS),
  row(52, 'getpeername', ADDRESS),
  row(54, 'setsockopt', ['fd', 'int', 'int', 'pointer', 'int']),
  row(55, 'getsockopt', ['fd', 'int', 'int', 'pointer', 'pointer']),
  row(288, 'accept4', [...ADDRESS, 'hex']),
  row(299, 'recvmmsg', [...MESSAGES, 'pointer']),
  row(307, 'sendmmsg', MESSAGES),
];

/** setsockopt(2), getsockopt(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';
import { readInt, socketOf, writeInt } from './socket-argument.js';
import { TaskActor } from './socket-places.js';

/** The longest value of an option there is; what is behind it is not looked at. */
const VALUE_MAX = 4096;

function sysSetsockopt(task: Task, args: Registers): number {
  const length = args.argumentInt(4);
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  if (length < 0) return -Errno.EINVAL;
  const value = Buffer.alloc(Math.min(length, VALUE_MAX));
  if (!task.mm.read(args.argument(3), value)) return -Errno.EFAULT;
  return socket.setOption(new TaskActor(task), args.argumentInt(1), args.argumentInt(2), value);
}

function sysGetsockopt(task: Task, args: Registers): number {
  const socket = socketOf(task, args.argumentInt(0));
  if (typeof socket === 'number') return socket;
  const room = readInt(task, args.argument(4));
  if (room === undefined) return -Errno.EFAULT;
  if (room < 0) return -Errno.EINVAL;
  const value = socket.getOption(args.argumentInt(1), args.argumentInt(2));
  if (typeof value === 'number') return value;
  const shown = value.subarray(0, room);
  if (shown.length > 0 && task.mm.write(args.argument(3), shown) < 0) return -Errno.EFAULT;
  return writeInt(task, args.argument(4), shown.length);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 54,
    name: 'setsockopt',
    handler: sysSetsockopt,
    args: ['fd', 'socket-level', 'socket-option', 'option-value', 'int'],
    support: 'partial',
    missing: 'filters, memberships in sources; options of other protocols',
  },
  {
    number: 55,
    name: 'getsockopt',
    handler: sysGetsockopt,
    args: ['fd', 'socket-level', 'socket-option', 'option-value-out', 'length-out'],
    support: 'partial',
    missing: 'options of other protocols; TCP_INFO tells little',
  },
];

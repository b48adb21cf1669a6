/** System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import { IPC_NOWAIT, IpcTable, READ, WRITE, mayUse } from '../ipc/ipc-table.js';
import { MSGMAX, MSGMNB, MessageQueue, type Message } from '../ipc/message-queue.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../task/task.js';
import { putLong } from '../time/timespec.js';
import type { SyscallResult, SyscallRow } from './row.js';

const MSG_NOERROR = 0o10000;
const MSG_EXCEPT = 0o20000;
const MSG_COPY = 0o40000;
const TYPE_SIZE = 8;
const MSGMNI = 32000;
/** sizeof(struct msqid_ds) */
const DS_SIZE = 120;

const Command = {
  RMID: 0,
  SET: 1,
  STAT: 2,
  INFO: 3,
  MSG_STAT: 11,
  MSG_INFO: 12,
  MSG_STAT_ANY: 13,
} as const;

const byKernel = new WeakMap<Kernel, IpcTable<MessageQueue>>();

function tableOf({ kernel }: Task): IpcTable<MessageQueue> {
  const table = byKernel.get(kernel) ?? new IpcTable(KernelMemory.of(kernel.memory));
  byKernel.set(kernel, table);
  return table;
}

function sysMsgget(task: Task, args: Registers): number {
  const [key, flags] = [args.argumentInt(0), args.argumentUint(1)];
  const table = tableOf(task);
  const { credentials } = task;
  const queue = table.open(key, flags, credentials, 0, (id) => {
    return new MessageQueue(id, key, flags, credentials, table.kernelMemory);
  });
  return typeof queue === 'number' ? queue : queue.id;
}

/** Does something with a queue as soon as that gives anything but -EAGAIN. */
async function waitFor(task: Task, queue: MessageQueue, act: () => number): Promise<number> {
  for (;;) {
    const { event, cancel } = queue.changes.next();
    const blocked = await task.block(event, cancel);
    if (queue.isRemoved) return -Errno.EIDRM;
    const result = act();
    if (result !== -Errno.EAGAIN) return result;
    if (blocked < 0) return blocked;
  }
}

function sysMsgsnd(task: Task, args: Registers): SyscallResult {
  const [address, size, flags] = [args.argument(1), args.argument(2), args.argumentUint(3)];
  if (size > MSGMAX) return -Errno.EINVAL;
  const bytes = Buffer.alloc(TYPE_SIZE + size);
  if (!task.mm.read(address, bytes.subarray(0, TYPE_SIZE))) return -Errno.EFAULT;
  const type = bytes.readBigInt64LE(0);
  if (type < 1n) return -Errno.EINVAL;
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  const queue = tableOf(task).get(args.argumentInt(0));
  if (queue === undefined) return -Errno.EINVAL;
  if (!mayUse(queue, WRITE, task.credentials)) return -Errno.EACCES;
  const message = { type, text: bytes.subarray(TYPE_SIZE) };
  const send = (): number => queue.send(message, task.pid);
  const result = send();
  const waits = result === -Errno.EAGAIN && (flags & IPC_NOWAIT) === 0;
  return waits ? waitFor(task, queue, send) : result;
}

function sysMsgrcv(task: Task, args: Registers): SyscallResult {
  const [size, flags] = [args.argument(2), args.argumentUint(4)];
  const type = args.argumentLong(3);
  if (size > Number.MAX_SAFE_INTEGER) return -Errno.EINVAL;
  const copies = (flags & MSG_COPY) !== 0;
  if (copies && ((flags & MSG_EXCEPT) !== 0 || (flags & IPC_NOWAIT) === 0)) return -Errno.EINVAL;
  const queue = tableOf(task).get(args.argumentInt(0));
  if (queue === undefined) return -Errno.EINVAL;
  if (!mayUse(queue, READ, task.credentials)) return -Errno.EACCES;
  const wanted = { type: BigInt(type), except: (flags & MSG_EXCEPT) !== 0 };
  const receive = (): number => {
    const message = copies ? queue.messages[type] : queue.find(wanted);
    if (message === undefined) return -Errno.EAGAIN;
    if (message.text.length > size && (flags & MSG_NOERROR) === 0) return -Errno.E2BIG;
    if (!copies) queue.take(message, task.pid);
    return give(task, args.argument(1), message, size);
  };
  const result = receive();
  if (result !== -Errno.EAGAIN) return result;
  return (flags & IPC_NOWAIT) !== 0 ? -Errno.ENOMSG : waitFor(task, queue, receive);
}

function give(task: Task, address: number, { type, text }: Message, size: number): number {
  const length = Math.min(text.length, size);
  const bytes = Buffer.alloc(TYPE_SIZE + length);
  bytes.writeBigInt64LE(type);
  bytes.set(text.subarray(0, length), TYPE_SIZE);
  return task.mm.write(address, bytes) === 0 ? length : -Errno.EFAULT;
}

function sysMsgctl(task: Task, args: Registers): number {
  const [id, command, address] = [args.argumentInt(0), args.argumentInt(1), args.argument(2)];
  const table = tableOf(task);
  if (command === Command.INFO || command === Command.MSG_INFO) {
    return tellLimits(task, table, command === Command.MSG_INFO, address);
  }
  const byIndex = command === Command.MSG_STAT || command === Command.MSG_STAT_ANY;
  const queue = byIndex ? table.all[id] : table.get(id);
  if (queue === undefined) return -Errno.EINVAL;
  switch (command) {
    case Command.RMID:
      if (!queue.isOwnedBy(task.credentials)) return -Errno.EPERM;
      table.remove(queue, 0);
      return 0;
    case Command.SET:
      return queue.isOwnedBy(task.credentials) ? change(task, queue, address) : -Errno.EPERM;
    case Command.STAT:
    case Command.MSG_STAT:
    case Command.MSG_STAT_ANY:
      if (command !== Command.MSG_STAT_ANY && !mayUse(queue, READ, task.credentials)) {
        return -Errno.EACCES;
      }
      if (task.mm.write(address, encode(queue)) !== 0) return -Errno.EFAULT;
      return byIndex ? queue.id : 0;
    default:
      return -Errno.EINVAL;
  }
}

function change(task: Task, queue: MessageQueue, address: number): number {
  const bytes = Buffer.alloc(DS_SIZE);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  const capacity = Number(bytes.readBigUInt64LE(88));
  if (capacity === 0) return -Errno.EINVAL;
  if (capacity > MSGMNB && task.credentials.euid !== 0) return -Errno.EPERM;
  queue.changeOwner(bytes);
  queue.capacity = capacity;
  queue.changes.happened();
  return 0;
}

function encode(queue: MessageQueue): Buffer {
  const bytes = Buffer.alloc(DS_SIZE);
  queue.encodeOwner(bytes);
  const { sendTime, receiveTime, changeTime, messages, capacity } = queue;
  const longs = [sendTime, receiveTime, changeTime, queue.bytes, messages.length, capacity];
  for (const [index, value] of longs.entries()) putLong(bytes, 48 + 8 * index, value);
  bytes.writeInt32LE(queue.lastSender, 96);
  bytes.writeInt32LE(queue.lastReceiver, 100);
  return bytes;
}

/** `struct msginfo`, with what is in use in three of its fields for MSG_INFO. */
function tellLimits(
  task: Task,
  table: IpcTable<MessageQueue>,
  usage: boolean,
  address: number,
): number {
  const queues = table.all;
  const bytes = Buffer.alloc(32);
  const messages = queues.reduce((sum, queue) => sum + queue.messages.length, 0);
  const held = queues.reduce((sum, queue) => sum + queue.bytes, 0);
  const pool = usage ? queues.length : (MSGMNI * MSGMNB) / 1024;
  const fields = [pool, usage ? messages : MSGMNB, MSGMAX, MSGMNB, MSGMNI, 16];
  fields.push(usage ? held : MSGMNB);
  for (const [index, value] of fields.entries()) bytes.writeInt32LE(value, 4 * index);
  bytes.writeUInt16LE(0xffff, 28);
  return task.mm.write(address, bytes) === 0 ? table.lastIndex : -Errno.EFAULT;
}

export const rows: readonly SyscallRow[] = [
  { number: 68, name: 'msgget', handler: sysMsgget, args: ['int', 'hex'], support: 'full' },
  {
    number: 69,
    name: 'msgsnd',
    handler: sysMsgsnd,
    args: ['int', 'pointer', 'size', 'hex'],
    support: 'full',
  },
  {
    number: 70,
    name: 'msgrcv',
    handler: sysMsgrcv,
    args: ['int', 'pointer', 'size', 'long', 'hex'],
    support: 'full',
  },
  {
    number: 71,
    name: 'msgctl',
    handler: sysMsgctl,
    args: ['int', 'int', 'pointer'],
    support: 'full',
  },
];

/** Arguments of the socket calls: descriptors, and addresses in guest memory. */
import { Errno } from '../abi/errno.js';
import { MAX_RW_COUNT } from '../abi/fcntl.js';
import { ADDRESS_MAX } from '../abi/socket.js';
import { Socket } from '../net/socket.js';
import type { Task } from '../task/task.js';
import type { Segment } from './file-slices.js';
import { usableFile } from './file-descriptor-argument.js';

const INT_SIZE = 4;

/** -EBADF, -ENOTSOCK. */
export function socketOf(task: Task, fd: number): Socket | number {
  const file = usableFile(task, fd);
  if (file === undefined) return -Errno.EBADF;
  return file instanceof Socket ? file : -Errno.ENOTSOCK;
}

/** struct sockaddr: -EINVAL for a length that none has, -EFAULT. */
export function readAddress(task: Task, address: number, length: number): Buffer | number {
  if (length < 0 || length > ADDRESS_MAX) return -Errno.EINVAL;
  const bytes = Buffer.alloc(length);
  return task.mm.read(address, bytes) ? bytes : -Errno.EFAULT;
}

/** A buffer that reaches out of the user half is refused before anything else of it is looked at. */
export function bufferOf(task: Task, address: number, length: number): Segment[] | number {
  if (address + length > task.mm.layout.top) return -Errno.EFAULT;
  return [{ address, length: Math.min(length, MAX_RW_COUNT) }];
}

/** The int at `address`; undefined where there is none. */
export function readInt(task: Task, address: number): number | undefined {
  const bytes = Buffer.alloc(INT_SIZE);
  return task.mm.read(address, bytes) ? bytes.readInt32LE(0) : undefined;
}

export function writeInt(task: Task, address: number, value: number): number {
  const bytes = Buffer.alloc(INT_SIZE);
  bytes.writeInt32LE(value);
  return task.mm.write(address, bytes);
}

/**
 * Gives back an address: as much as the int at `lengthAddress` says there is room for, and there how long it is.
 * 0, -EFAULT, -EINVAL.
 */
export function giveAddress(
  task: Task,
  bytes: Buffer,
  address: number,
  lengthAddress: number,
): number {
  const room = readInt(task, lengthAddress);
  if (room === undefined) return -Errno.EFAULT;
  if (room < 0) return -Errno.EINVAL;
  const shown = bytes.subarray(0, room);
  if (shown.length > 0 && task.mm.write(address, shown) < 0) return -Errno.EFAULT;
  return writeInt(task, lengthAddress, bytes.length);
}

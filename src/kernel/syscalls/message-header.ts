/** struct msghdr and struct mmsghdr in guest memory, recvmsg(2). */
import { Errno } from '../abi/errno.js';
import { ADDRESS_MAX } from '../abi/socket.js';
import { readWord, writeWord } from '../abi/word.js';
import type { Task } from '../task/task.js';
import type { Segment } from './file-slices.js';
import { readVector } from './file-transfer.js';

const SIZE = 56;
const NAME_LENGTH = 8;
const CONTROL_LENGTH = 40;
const FLAGS = 48;
const IOV_MAX = 1024;

/** Bytes of struct mmsghdr, and where its msg_len is. */
export const MMSGHDR_SIZE = 64;
export const MMSGHDR_LENGTH = 56;

export interface MessageHeader {
  /** Where it is. */
  readonly at: number;
  readonly name: number;
  readonly nameLength: number;
  readonly segments: readonly Segment[];
  readonly control: number;
  readonly controlLength: number;
}

/** -EFAULT, -EINVAL, -EMSGSIZE. */
export function readHeader(task: Task, at: number): MessageHeader | number {
  const bytes = Buffer.alloc(SIZE);
  if (!task.mm.read(at, bytes)) return -Errno.EFAULT;
  const name = readWord(bytes, 0);
  const nameLength = bytes.readInt32LE(NAME_LENGTH);
  if (nameLength < 0) return -Errno.EINVAL;
  const count = readWord(bytes, 24);
  if (count > IOV_MAX) return -Errno.EMSGSIZE;
  const segments = readVector(task, readWord(bytes, 16), count);
  if (typeof segments === 'number') return segments;
  return {
    at,
    name,
    nameLength: name === 0 ? 0 : Math.min(nameLength, ADDRESS_MAX),
    segments,
    control: readWord(bytes, 32),
    controlLength: readWord(bytes, CONTROL_LENGTH),
  };
}

/** Writes what recvmsg(2) tells back. */
export function writeHeader(
  task: Task,
  { at }: MessageHeader,
  nameLength: number | undefined,
  controlLength: number,
  flags: number,
): number {
  const length = Buffer.alloc(8);
  if (nameLength !== undefined) {
    length.writeInt32LE(nameLength);
    if (task.mm.write(at + NAME_LENGTH, length.subarray(0, 4)) < 0) return -Errno.EFAULT;
  }
  const rest = Buffer.alloc(FLAGS + 4 - CONTROL_LENGTH);
  writeWord(rest, 0, controlLength);
  rest.writeInt32LE(flags, FLAGS - CONTROL_LENGTH);
  return task.mm.write(at + CONTROL_LENGTH, rest);
}

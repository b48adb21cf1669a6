/** Moving bytes to and from pipes without a buffer of the program's: splice(2), tee(2), vmsplice(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Poll, POLL_READABLE, POLL_WRITABLE } from '../abi/poll.js';
import { Signo } from '../abi/signal.js';
import type { OpenFile } from '../fs/open-file.js';
import { PipeFile } from '../fs/pipe.js';
import type { Task } from '../task/task.js';
import { readOffset, storeOffset } from './file-copy.js';
import { usableFile } from './file-descriptor-argument.js';
import { AT_POSITION, readVector, transferIn, transferOut } from './file-transfer.js';
import { waitForFile } from './file-wait.js';
import type { SyscallResult, SyscallRow } from './row.js';

const SPLICE_F_NONBLOCK = 2;
/** SPLICE_F_MOVE, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_GIFT */
const SPLICE_F_ALL = 15;

/** The most that one call moves: what a pipe of the usual size holds. */
const chunk = new Uint8Array(64 * 1024);

/** A file that bytes come from or go to. */
interface End {
  readonly file: OpenFile;
  /** Where the offset came from in guest memory; 0: none was given. */
  readonly address: number;
  /** AT_POSITION: the file's own. */
  readonly offset: number;
}

interface Move {
  readonly from: End;
  readonly to: End;
  readonly length: number;
  readonly waits: boolean;
}

/** What must happen before the move can go on. */
interface Obstacle {
  readonly file: OpenFile;
  readonly events: number;
}

type Outcome = number | Obstacle;

function sysSplice(task: Task, args: Registers): SyscallResult {
  const flags = args.argumentUint(5);
  const length = args.argument(4);
  if (flags & ~SPLICE_F_ALL) {
    return -Errno.EINVAL;
  }
  if (length === 0) {
    return 0;
  }
  const from = endOf(task, args.argumentInt(0), args.argument(1), false);
  const to = endOf(task, args.argumentInt(2), args.argument(3), true);
  if (typeof from === 'number' || typeof to === 'number') {
    return typeof from === 'number' ? from : (to as number);
  }
  const error = checkEnds(from.file, to.file);
  if (error < 0) {
    return error;
  }
  const move = {
    from,
    to,
    length: Math.min(length, chunk.length),
    waits: (flags & SPLICE_F_NONBLOCK) === 0,
  };
  return perform(task, move, () => splice(task, move));
}

function endOf(task: Task, fd: number, address: number, writes: boolean): End | number {
  const file = usableFile(task, fd);
  if (file === undefined || !(writes ? file.writable : file.readable)) {
    return -Errno.EBADF;
  }
  if (address !== 0 && !file.seekable) {
    return file instanceof PipeFile ? -Errno.ESPIPE : -Errno.EINVAL;
  }
  const offset = readOffset(task, address);
  return offset < AT_POSITION ? offset : { file, address, offset };
}

function checkEnds(from: OpenFile, to: OpenFile): number {
  const pipes = [from, to].filter((file) => file instanceof PipeFile);
  if (pipes.length === 0 || to.flags & O.APPEND || from.inode?.isDirectory) {
    return -Errno.EINVAL;
  }
  const [a, b] = pipes;
  return a !== undefined && b !== undefined && a.isOf(b) ? -Errno.EINVAL : 0;
}

/** Makes the attempt, and where it has to and may, waits and makes it again. */
function perform(task: Task, move: Move, attempt: () => Outcome): SyscallResult {
  const outcome = attempt();
  if (typeof outcome === 'number') {
    return outcome;
  }
  return move.waits ? performLater(task, move, outcome, attempt) : -Errno.EAGAIN;
}

async function performLater(
  task: Task,
  { from, to }: Move,
  first: Obstacle,
  attempt: () => Outcome,
): Promise<number> {
  from.file.incRef();
  to.file.incRef();
  try {
    let outcome: Outcome = first;
    while (typeof outcome !== 'number') {
      const error = await waitForFile(task, outcome.file, outcome.events);
      outcome = error < 0 ? error : attempt();
    }
    return outcome;
  } finally {
    from.file.decRef();
    to.file.decRef();
  }
}

/** Bytes moved, -errno, or what is in the way. */
function splice(task: Task, { from, to, length }: Move): Outcome {
  const source = from.file;
  const target = to.file;
  const room = target instanceof PipeFile ? target.room : length;
  if (target instanceof PipeFile && !target.hasReaders) {
    task.sendSignal(Signo.SIGPIPE);
    return -Errno.EPIPE;
  }
  if (room === 0) {
    return { file: target, events: POLL_WRITABLE | Poll.ERR };
  }
  const buffer = chunk.subarray(0, Math.min(length, room));
  const count = source instanceof PipeFile ? source.peek(buffer) : readEnd(task, from, buffer);
  if (count === -Errno.EAGAIN || (count === 0 && source instanceof PipeFile && source.hasWriters)) {
    const refuses = source.nonBlocking && !(source instanceof PipeFile);
    return refuses ? count : { file: source, events: POLL_READABLE | Poll.HUP };
  }
  if (count <= 0) {
    return count;
  }
  return write(task, from, to, buffer.subarray(0, count));
}

function readEnd(task: Task, { file, offset }: End, buffer: Uint8Array): number {
  return offset === AT_POSITION ? file.read(buffer, task) : file.pread(buffer, offset);
}

function write(task: Task, from: End, to: End, data: Uint8Array): Outcome {
  const target = to.file;
  const count =
    to.offset === AT_POSITION ? target.write(data, task) : target.pwrite(data, to.offset);
  if (count === -Errno.EAGAIN && !target.nonBlocking) {
    return { file: target, events: POLL_WRITABLE | Poll.ERR };
  }
  if (count < 0) {
    if (count === -Errno.EPIPE) {
      task.sendSignal(Signo.SIGPIPE);
    }
    return count;
  }
  if (from.file instanceof PipeFile) {
    from.file.drop(count);
  }
  const stored = [from, to].map((end) => advance(task, end, count));
  return Math.min(...stored) < 0 ? -Errno.EFAULT : count;
}

/** Tells the program where its offset has got to. */
function advance(task: Task, { file, address, offset }: End, count: number): number {
  return address === 0 ? 0 : storeOffset(task, address, file, offset + count);
}

/** Copies what is in one pipe to another, and leaves it there. */
function sysTee(task: Task, args: Registers): SyscallResult {
  const flags = args.argumentUint(3);
  if (flags & ~SPLICE_F_ALL) {
    return -Errno.EINVAL;
  }
  const length = Math.min(args.argument(2), chunk.length);
  if (length === 0) {
    return 0;
  }
  const from = endOf(task, args.argumentInt(0), 0, false);
  const to = endOf(task, args.argumentInt(1), 0, true);
  if (typeof from === 'number' || typeof to === 'number') {
    return -Errno.EBADF;
  }
  const { file: source } = from;
  const { file: target } = to;
  const arePipes = source instanceof PipeFile && target instanceof PipeFile;
  if (!arePipes || source.isOf(target)) {
    return -Errno.EINVAL;
  }
  const waits = (flags & SPLICE_F_NONBLOCK) === 0;
  return perform(task, { from, to, length, waits }, () => tee(task, source, target, length));
}

function tee(task: Task, source: PipeFile, target: PipeFile, length: number): Outcome {
  if (!target.hasReaders) {
    task.sendSignal(Signo.SIGPIPE);
    return -Errno.EPIPE;
  }
  if (source.available === 0) {
    return source.hasWriters ? { file: source, events: POLL_READABLE | Poll.HUP } : 0;
  }
  if (target.room === 0) {
    return { file: target, events: POLL_WRITABLE | Poll.ERR };
  }
  const buffer = chunk.subarray(0, Math.min(length, target.room));
  return target.write(buffer.subarray(0, source.peek(buffer)));
}

/** Memory and a pipe: here the same as writev(2) and readv(2). */
function sysVmsplice(task: Task, args: Registers): SyscallResult {
  const flags = args.argumentUint(3);
  const file = usableFile(task, args.argumentInt(0));
  if (flags & ~SPLICE_F_ALL) {
    return -Errno.EINVAL;
  }
  if (!(file instanceof PipeFile)) {
    return -Errno.EBADF;
  }
  const segments = readVector(task, args.argument(1), args.argumentUint(2));
  if (typeof segments === 'number') {
    return segments;
  }
  if (segments.every(({ length }) => length === 0)) {
    return 0;
  }
  const stuck = file.writable ? file.room === 0 : file.available === 0 && file.hasWriters;
  if (stuck && flags & SPLICE_F_NONBLOCK) {
    return -Errno.EAGAIN;
  }
  const transfer = file.writable ? transferOut : transferIn;
  return transfer(task, file, segments, AT_POSITION);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 275,
    name: 'splice',
    handler: sysSplice,
    args: ['fd', 'pointer', 'fd', 'pointer', 'size', 'splice-flags'],
    support: 'full',
  },
  {
    number: 276,
    name: 'tee',
    handler: sysTee,
    args: ['fd', 'fd', 'size', 'splice-flags'],
    support: 'full',
  },
  {
    number: 278,
    name: 'vmsplice',
    handler: sysVmsplice,
    args: ['fd', 'vector-in', 'int', 'splice-flags'],
    support: 'full',
  },
];

/** Locks on files: flock(2), and the commands of fcntl(2) for locks on ranges. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { Fcntl, LockType, Whence } from '../abi/fcntl.js';
import { FileLocks } from '../fs/locks/file-locks.js';
import { noteWait, wouldDeadlock } from '../fs/locks/lock-waits.js';
import type { RangeLock } from '../fs/locks/range-locks.js';
import type { OpenFile } from '../fs/open-file.js';
import { RegularInode } from '../fs/regular-inode.js';
import type { Task } from '../task/task.js';
import { readLong, putLong } from '../time/timespec.js';
import { usableFile } from './file-descriptor-argument.js';
import type { SyscallResult, SyscallRow } from './row.js';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

function sysFlock(task: Task, args: Registers): SyscallResult {
  const operation = args.argumentInt(1) & ~LOCK_NB;
  if (operation !== LOCK_SH && operation !== LOCK_EX && operation !== LOCK_UN) {
    return -Errno.EINVAL;
  }
  const file = usableFile(task, args.argumentInt(0));
  if (file === undefined) {
    return -Errno.EBADF;
  }
  const locks = FileLocks.of(file, task.kernel.memory);
  if (operation === LOCK_UN) {
    locks.unlockWhole(file);
    return 0;
  }
  const attempt = (): boolean => locks.lockWhole(file, operation === LOCK_EX, task.pid);
  if (attempt()) {
    return 0;
  }
  return args.argumentInt(1) & LOCK_NB ? -Errno.EAGAIN : lockLater(task, file, attempt);
}

/** Tries again whenever a lock on the file is given up, until `attempt` succeeds or a signal comes. */
async function lockLater(task: Task, file: OpenFile, attempt: () => boolean): Promise<number> {
  const locks = FileLocks.of(file, task.kernel.memory);
  file.incRef();
  try {
    while (!attempt()) {
      let stop = (): void => undefined;
      const released = new Promise<number>((resolve) => {
        stop = locks.watch(() => {
          resolve(0);
        });
      });
      const error = await task.block(released, () => undefined);
      stop();
      if (error < 0) {
        return error;
      }
    }
    return 0;
  } finally {
    file.decRef();
  }
}

/** struct flock */
const FLOCK_SIZE = 32;
const OFFSET_MAX = 2 ** 63;

const QUERIES: ReadonlySet<number> = new Set([Fcntl.GETLK, Fcntl.OFD_GETLK]);
const WAITING: ReadonlySet<number> = new Set([Fcntl.SETLKW, Fcntl.OFD_SETLKW]);
const OF_DESCRIPTION: ReadonlySet<number> = new Set([
  Fcntl.OFD_GETLK,
  Fcntl.OFD_SETLK,
  Fcntl.OFD_SETLKW,
]);

/** F_GETLK, F_SETLK, F_SETLKW and their OFD kin, with struct flock at `address`. */
export function recordLock(
  task: Task,
  file: OpenFile,
  command: number,
  address: number,
): SyscallResult {
  const bytes = Buffer.alloc(FLOCK_SIZE);
  if (!task.mm.read(address, bytes)) {
    return -Errno.EFAULT;
  }
  const type = bytes.readInt16LE(0);
  const wanted = decodeLock(task, file, bytes, OF_DESCRIPTION.has(command));
  if (typeof wanted === 'number') {
    return wanted;
  }
  if (QUERIES.has(command)) {
    return type === LockType.UNLCK ? -Errno.EINVAL : query(task, file, wanted, address, bytes);
  }
  const allowed = type === LockType.RDLCK ? file.readable : file.writable;
  if (type === LockType.UNLCK) {
    FileLocks.of(file, task.kernel.memory).unlockRange(wanted);
    return 0;
  }
  return allowed ? setLock(task, file, wanted, WAITING.has(command)) : -Errno.EBADF;
}

function decodeLock(
  task: Task,
  file: OpenFile,
  bytes: Buffer,
  ofDescription: boolean,
): RangeLock | number {
  const type = bytes.readInt16LE(0);
  if (ofDescription && bytes.readInt32LE(24) !== 0) {
    return -Errno.EINVAL;
  }
  const base = baseOf(file, bytes.readInt16LE(2));
  if (base < 0 || type < LockType.RDLCK || type > LockType.UNLCK) {
    return -Errno.EINVAL;
  }
  const length = readLong(bytes, 16);
  const from = base + readLong(bytes, 8);
  const start = length < 0 ? from + length : from;
  if (start < 0) {
    return -Errno.EINVAL;
  }
  const last = length < 0 ? from - 1 : from + length - 1;
  // The largest offset is rounded up to what lies just beyond.
  if (last > OFFSET_MAX || from > OFFSET_MAX || (from === OFFSET_MAX && length > 1)) {
    return -Errno.EOVERFLOW;
  }
  return {
    owner: ofDescription ? file : task.files,
    exclusive: type === LockType.WRLCK,
    start,
    end: length === 0 || last >= OFFSET_MAX ? Infinity : last,
    pid: ofDescription ? -1 : task.pid,
  };
}

/** What the range counts from; negative for no such place. */
function baseOf(file: OpenFile, whence: number): number {
  switch (whence) {
    case Whence.SET:
      return 0;
    case Whence.CUR:
      return file.position;
    case Whence.END:
      return file.inode instanceof RegularInode ? file.inode.size : 0;
    default:
      return -1;
  }
}

function query(
  task: Task,
  file: OpenFile,
  wanted: RangeLock,
  address: number,
  bytes: Buffer,
): number {
  const conflict = FileLocks.of(file, task.kernel.memory).ranges.conflict(wanted);
  if (conflict === undefined) {
    bytes.writeInt16LE(LockType.UNLCK, 0);
  } else {
    bytes.writeInt16LE(conflict.exclusive ? LockType.WRLCK : LockType.RDLCK, 0);
    bytes.writeInt16LE(Whence.SET, 2);
    putLong(bytes, 8, conflict.start);
    putLong(bytes, 16, conflict.end === Infinity ? 0 : conflict.end - conflict.start + 1);
    bytes.writeInt32LE(conflict.pid, 24);
  }
  return task.mm.write(address, bytes);
}

function setLock(task: Task, file: OpenFile, wanted: RangeLock, waits: boolean): SyscallResult {
  const locks = FileLocks.of(file, task.kernel.memory);
  const conflict = locks.lockRange(file, wanted);
  task.files.hasLocks = true;
  if (conflict === undefined) {
    return 0;
  }
  if (typeof conflict === 'number') {
    return conflict;
  }
  return waits ? setLockLater(task, file, wanted, conflict) : -Errno.EAGAIN;
}

async function setLockLater(
  task: Task,
  file: OpenFile,
  wanted: RangeLock,
  first: RangeLock,
): Promise<number> {
  const locks = FileLocks.of(file, task.kernel.memory);
  const { owner } = wanted;
  let error = 0;
  let forget = (): void => undefined;
  const waitFor = (conflict: RangeLock): void => {
    forget();
    error = wouldDeadlock(owner, conflict.owner) ? -Errno.EDEADLK : 0;
    forget = noteWait(owner, conflict.owner);
  };
  waitFor(first);
  const attempt = (): boolean => {
    const conflict = error < 0 ? error : locks.lockRange(file, wanted);
    if (typeof conflict === 'object') {
      waitFor(conflict);
    } else {
      error = conflict ?? 0;
    }
    return error < 0 || conflict === undefined;
  };
  const result = await lockLater(task, file, attempt);
  forget();
  return error < 0 ? error : result;
}

export const rows: readonly SyscallRow[] = [
  { number: 73, name: 'flock', handler: sysFlock, args: ['fd', 'lock-operation'], support: 'full' },
];

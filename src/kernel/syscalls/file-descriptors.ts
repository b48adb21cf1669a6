/** Descriptors: close(2), dup(2), fcntl(2), pipe(2), memfd_create(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { FD_CLOEXEC, Fcntl, O } from '../abi/fcntl.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import { createMemoryFile } from '../fs/memory-file.js';
import type { OpenFile } from '../fs/open-file.js';
import { createPipe, PipeFile } from '../fs/pipe.js';
import type { Task } from '../task/task.js';
import { descriptorLimit, giveDescriptor, givePair } from './file-descriptor-argument.js';
import { recordLock } from './file-locks.js';
import { ownerCommand, setStatusFlags } from './file-signals.js';
import type { SyscallResult, SyscallRow } from './row.js';

const CLOSE_RANGE_UNSHARE = 2;
const CLOSE_RANGE_CLOEXEC = 4;

function sysClose(task: Task, args: Registers): number {
  return task.files.close(args.argumentInt(0));
}

function sysCloseRange(task: Task, args: Registers): number {
  const [first, last, flags] = [0, 1, 2].map((n) => args.argumentUint(n as 0 | 1 | 2));
  const known = CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC;
  if (first === undefined || last === undefined || flags === undefined) {
    return -Errno.EINVAL;
  }
  if (flags & ~known || first > last) {
    return -Errno.EINVAL;
  }
  if (flags & CLOSE_RANGE_UNSHARE && task.files.isShared) {
    const own = task.files.clone();
    if (own === undefined) {
      return -Errno.ENOMEM;
    }
    task.files.release();
    task.files = own;
  }
  task.files.closeRange(first, last, (flags & CLOSE_RANGE_CLOEXEC) !== 0);
  return 0;
}

/** F_DUPFD */
function duplicate(task: Task, file: OpenFile, min: number, closeOnExec: boolean): number {
  const limit = descriptorLimit(task);
  if (min < 0 || min >= limit) {
    return -Errno.EINVAL;
  }
  const fd = task.files.allocate(file, closeOnExec, min, limit);
  if (fd >= 0) {
    file.incRef();
  }
  return fd;
}

function sysDup(task: Task, args: Registers): number {
  const file = task.files.get(args.argumentInt(0));
  return file === undefined ? -Errno.EBADF : duplicate(task, file, 0, false);
}

function duplicateTo(task: Task, fd: number, target: number, closeOnExec: boolean): number {
  const file = task.files.get(fd);
  if (file === undefined || target < 0 || target >= descriptorLimit(task)) {
    return -Errno.EBADF;
  }
  file.incRef();
  const error = task.files.install(target, file, closeOnExec);
  if (error < 0) {
    file.decRef();
    return error;
  }
  return target;
}

function sysDup2(task: Task, args: Registers): number {
  const [fd, target] = [args.argumentInt(0), args.argumentInt(1)];
  if (fd === target) {
    return task.files.get(fd) === undefined ? -Errno.EBADF : fd;
  }
  return duplicateTo(task, fd, target, false);
}

function sysDup3(task: Task, args: Registers): number {
  const [fd, target, flags] = [args.argumentInt(0), args.argumentInt(1), args.argumentInt(2)];
  if (flags & ~O.CLOEXEC || fd === target) {
    return -Errno.EINVAL;
  }
  return duplicateTo(task, fd, target, flags !== 0);
}

function sysFcntl(task: Task, args: Registers): SyscallResult {
  const fd = args.argumentInt(0);
  const command = args.argumentInt(1);
  const file = task.files.get(fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  switch (command) {
    case Fcntl.DUPFD:
    case Fcntl.DUPFD_CLOEXEC:
      return duplicate(task, file, args.argumentInt(2), command === Fcntl.DUPFD_CLOEXEC);
    case Fcntl.GETFD:
      return task.files.isCloseOnExec(fd) ? FD_CLOEXEC : 0;
    case Fcntl.SETFD:
      task.files.setCloseOnExec(fd, (args.argumentInt(2) & FD_CLOEXEC) !== 0);
      return 0;
    case Fcntl.GETFL:
      return file.flags;
    default:
      return file.isPathOnly ? -Errno.EBADF : fileCommand(task, file, command, args);
  }
}

/** Commands that need more than a place. */
function fileCommand(task: Task, file: OpenFile, command: number, args: Registers): SyscallResult {
  switch (command) {
    case Fcntl.SETFL:
      return setStatusFlags(task, args.argumentInt(0), file, args.argumentInt(2));
    case Fcntl.GETLK:
    case Fcntl.SETLK:
    case Fcntl.SETLKW:
    case Fcntl.OFD_GETLK:
    case Fcntl.OFD_SETLK:
    case Fcntl.OFD_SETLKW:
      return recordLock(task, file, command, args.argument(2));
    case Fcntl.ADD_SEALS:
      return file.addSeals(args.argumentUint(2));
    case Fcntl.GET_SEALS:
      return file.seals;
    case Fcntl.GETPIPE_SZ:
      return file instanceof PipeFile ? file.capacity : -Errno.EBADF;
    case Fcntl.SETPIPE_SZ:
      return file instanceof PipeFile ? file.resize(args.argumentUint(2)) : -Errno.EBADF;
    default:
      return (
        ownerCommand(task, file, command, args.argumentInt(2), args.argument(2)) ?? -Errno.EINVAL
      );
  }
}

function pipe(task: Task, address: number, flags: number): number {
  if (flags & ~(O.CLOEXEC | O.NONBLOCK | O.DIRECT)) {
    return -Errno.EINVAL;
  }
  const ends = createPipe(flags & ~O.CLOEXEC, KernelMemory.of(task.kernel.memory));
  if (typeof ends === 'number') {
    return ends;
  }
  return givePair(task, address, ends, (flags & O.CLOEXEC) !== 0);
}

function sysPipe(task: Task, args: Registers): number {
  return pipe(task, args.argument(0), 0);
}

function sysPipe2(task: Task, args: Registers): number {
  return pipe(task, args.argument(0), args.argumentInt(1));
}

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const MFD_EXEC = 16;
const MFD_ALL = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
const MEMFD_NAME_MAX = 249;

function sysMemfdCreate(task: Task, args: Registers): number {
  const flags = args.argumentUint(1);
  const executable = (flags & MFD_NOEXEC_SEAL) === 0;
  if (flags & ~MFD_ALL || (!executable && flags & MFD_EXEC)) {
    return -Errno.EINVAL;
  }
  const name = task.mm.readCString(args.argument(0), MEMFD_NAME_MAX);
  if (typeof name === 'number') {
    return name === -Errno.ENAMETOOLONG ? -Errno.EINVAL : name;
  }
  const file = createMemoryFile(task.kernel.memory, name, task.credentials, {
    sealable: (flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL)) !== 0,
    executable,
  });
  if (typeof file === 'number') {
    return file;
  }
  return giveDescriptor(task, file, (flags & MFD_CLOEXEC) !== 0);
}

export const rows: readonly SyscallRow[] = [
  { number: 3, name: 'close', handler: sysClose, args: ['fd'], support: 'full' },
  {
    number: 436,
    name: 'close_range',
    handler: sysCloseRange,
    args: ['uint', 'uint', 'hex'],
    support: 'full',
  },
  { number: 32, name: 'dup', handler: sysDup, args: ['fd'], support: 'full' },
  { number: 33, name: 'dup2', handler: sysDup2, args: ['fd', 'fd'], support: 'full' },
  {
    number: 292,
    name: 'dup3',
    handler: sysDup3,
    args: ['fd', 'fd', 'pipe-flags'],
    support: 'full',
  },
  {
    number: 72,
    name: 'fcntl',
    handler: sysFcntl,
    args: ['fd', 'fcntl-command', 'fcntl-argument'],
    result: 'fcntl',
    support: 'partial',
    missing: 'leases; hints of write lifetimes',
  },
  { number: 22, name: 'pipe', handler: sysPipe, args: ['descriptors-out'], support: 'full' },
  {
    number: 293,
    name: 'pipe2',
    handler: sysPipe2,
    args: ['descriptors-out', 'pipe-flags'],
    support: 'full',
  },
  {
    number: 319,
    name: 'memfd_create',
    handler: sysMemfdCreate,
    args: ['path', 'memfd-flags'],
    support: 'partial',
    missing: 'MFD_HUGETLB',
  },
];

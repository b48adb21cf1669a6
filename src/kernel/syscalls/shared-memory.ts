/** System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). */
import { Access } from '../../platform/access.js';
import { PAGE_SIZE, isPageAligned, pageRoundUp } from '../../platform/file-range.js';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { ACCESS_BITS, IPC_CREAT, IPC_EXCL, READ, WRITE, mayUse } from '../ipc/ipc-table.js';
import { SHM_LOCKED, SharedSegment } from '../ipc/shared-segment.js';
import { MOST_SEGMENTS, SharedSegments } from '../ipc/shared-segments.js';
import { discard, mmap } from '../mm/mmap.js';
import type { Task } from '../task/task.js';
import { putLong } from '../time/timespec.js';
import type { SyscallRow } from './row.js';

const SHM_HUGETLB = 0o4000;
const SHM_RDONLY = 0o10000;
const SHM_RND = 0o20000;
const SHM_REMAP = 0o40000;
const SHM_EXEC = 0o100000;

const Command = {
  RMID: 0,
  SET: 1,
  STAT: 2,
  INFO: 3,
  LOCK: 11,
  UNLOCK: 12,
  SHM_STAT: 13,
  SHM_INFO: 14,
  SHM_STAT_ANY: 15,
} as const;

/** sizeof(struct shmid_ds), sizeof(struct shminfo), sizeof(struct shm_info) */
const DS_SIZE = 112;
const INFO_SIZE = 72;
const USAGE_SIZE = 48;
const SHMMAX = Number.MAX_SAFE_INTEGER;

function sysShmget(task: Task, args: Registers): number {
  const [key, size, flags] = [args.argumentInt(0), args.argument(1), args.argumentUint(2)];
  const segments = SharedSegments.of(task.kernel);
  const found = segments.findKey(key);
  if (found !== undefined) {
    if ((flags & IPC_CREAT) !== 0 && (flags & IPC_EXCL) !== 0) return -Errno.EEXIST;
    if (size > found.size) return -Errno.EINVAL;
    const wanted = ((flags >> 6) | (flags >> 3) | flags) & 7;
    return mayUse(found, wanted, task.credentials) ? found.id : -Errno.EACCES;
  }
  if (key !== 0 && (flags & IPC_CREAT) === 0) return -Errno.ENOENT;
  // As on a machine that has no huge pages reserved.
  if ((flags & SHM_HUGETLB) !== 0) return -Errno.ENOMEM;
  const segment = segments.create(key, size, flags, task.credentials, task.pid);
  return typeof segment === 'number' ? segment : segment.id;
}

function sysShmat(task: Task, args: Registers): number {
  const segment = SharedSegments.of(task.kernel).get(args.argumentInt(0));
  const flags = args.argumentUint(2);
  let address = args.argument(1);
  if (segment === undefined) return -Errno.EINVAL;
  const writes = (flags & SHM_RDONLY) === 0;
  if (!isPageAligned(address)) {
    if ((flags & SHM_RND) === 0) return -Errno.EINVAL;
    address -= address % PAGE_SIZE;
  }
  if (address === 0 && (flags & SHM_REMAP) !== 0) return -Errno.EINVAL;
  if (!mayUse(segment, writes ? READ | WRITE : READ, task.credentials)) return -Errno.EACCES;
  const result = mmap(task.mm, {
    address,
    length: pageRoundUp(segment.size),
    access:
      Access.Read | (writes ? Access.Write : 0) | ((flags & SHM_EXEC) === 0 ? 0 : Access.Execute),
    shared: true,
    placement: address === 0 ? 'anywhere' : (flags & SHM_REMAP) === 0 ? 'fixed-noreplace' : 'fixed',
    file: segment.mapping(writes),
    by: task.credentials,
  });
  if (result >= 0) segment.lastPid = task.pid;
  return result === -Errno.EEXIST ? -Errno.EINVAL : result;
}

/** All of the attachment that begins at the address, however it has been split since. */
function sysShmdt({ mm, pid }: Task, args: Registers): number {
  const address = args.argument(0);
  const first = mm.vmas.find(address)?.file?.mappable;
  if (!isPageAligned(address) || !(first instanceof SharedSegment)) return -Errno.EINVAL;
  const parts = mm.vmas
    .overlapping(address, address + pageRoundUp(first.size))
    .filter((vma) => vma.file?.mappable === first && vma.start - address === vma.offset)
    .map(({ start, end }) => [start, end] as const);
  if (parts.length === 0) return -Errno.EINVAL;
  first.lastPid = pid;
  for (const [start, end] of parts) discard(mm, start, end);
  return 0;
}

function sysShmctl(task: Task, args: Registers): number {
  const [id, command, address] = [args.argumentInt(0), args.argumentInt(1), args.argument(2)];
  const segments = SharedSegments.of(task.kernel);
  if (command === Command.INFO) return tellLimits(task, segments, address);
  if (command === Command.SHM_INFO) return tellUsage(task, segments, address);
  const byIndex = command === Command.SHM_STAT || command === Command.SHM_STAT_ANY;
  const segment = byIndex ? [...segments.all][id] : segments.get(id);
  if (segment === undefined) return -Errno.EINVAL;
  switch (command) {
    case Command.STAT:
    case Command.SHM_STAT:
    case Command.SHM_STAT_ANY:
      if (command !== Command.SHM_STAT_ANY && !mayUse(segment, READ, task.credentials)) {
        return -Errno.EACCES;
      }
      if (task.mm.write(address, encode(segment)) !== 0) return -Errno.EFAULT;
      return byIndex ? segment.id : 0;
    case Command.RMID:
    case Command.SET:
    case Command.LOCK:
    case Command.UNLOCK:
      return isOwner(task, segment) ? change(task, segment, command, address) : -Errno.EPERM;
    default:
      return -Errno.EINVAL;
  }
}

function isOwner({ credentials: { euid } }: Task, segment: SharedSegment): boolean {
  return euid === 0 || euid === segment.uid || euid === segment.creator.uid;
}

function change(task: Task, segment: SharedSegment, command: number, address: number): number {
  if (command === Command.RMID) {
    segment.remove();
  } else if (command === Command.SET) {
    const bytes = Buffer.alloc(DS_SIZE);
    if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
    segment.uid = bytes.readUInt32LE(4);
    segment.gid = bytes.readUInt32LE(8);
    segment.mode = (segment.mode & ~ACCESS_BITS) | (bytes.readUInt32LE(20) & ACCESS_BITS);
    segment.changeTime = Math.floor(Date.now() / 1000);
  } else if (command === Command.LOCK) {
    segment.mode |= SHM_LOCKED;
  } else {
    segment.mode &= ~SHM_LOCKED;
  }
  return 0;
}

function encode(segment: SharedSegment): Buffer {
  const bytes = Buffer.alloc(DS_SIZE);
  bytes.writeInt32LE(segment.key, 0);
  const { uid, gid, creator, mode } = segment;
  for (const [index, value] of [uid, gid, creator.uid, creator.gid, mode].entries()) {
    bytes.writeUInt32LE(value, 4 + 4 * index);
  }
  putLong(bytes, 48, segment.size);
  putLong(bytes, 56, segment.attachTime);
  putLong(bytes, 64, segment.detachTime);
  putLong(bytes, 72, segment.changeTime);
  bytes.writeInt32LE(creator.pid, 80);
  bytes.writeInt32LE(segment.lastPid, 84);
  putLong(bytes, 88, segment.attachments);
  return bytes;
}

function tellLimits(task: Task, segments: SharedSegments, address: number): number {
  const bytes = Buffer.alloc(INFO_SIZE);
  for (const [index, value] of [SHMMAX, 1, MOST_SEGMENTS, MOST_SEGMENTS, SHMMAX].entries()) {
    putLong(bytes, 8 * index, value);
  }
  return task.mm.write(address, bytes) === 0 ? lastIndex(segments) : -Errno.EFAULT;
}

function tellUsage(task: Task, segments: SharedSegments, address: number): number {
  const bytes = Buffer.alloc(USAGE_SIZE);
  let pages = 0;
  for (const { size } of segments.all) pages += pageRoundUp(size) / PAGE_SIZE;
  bytes.writeInt32LE(segments.count, 0);
  putLong(bytes, 8, pages);
  return task.mm.write(address, bytes) === 0 ? lastIndex(segments) : -Errno.EFAULT;
}

function lastIndex(segments: SharedSegments): number {
  return Math.max(segments.count - 1, 0);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 29,
    name: 'shmget',
    handler: sysShmget,
    args: ['int', 'size', 'hex'],
    support: 'partial',
    missing: 'huge pages',
  },
  {
    number: 30,
    name: 'shmat',
    handler: sysShmat,
    args: ['int', 'pointer', 'hex'],
    result: 'hex',
    support: 'full',
  },
  {
    number: 31,
    name: 'shmctl',
    handler: sysShmctl,
    args: ['int', 'int', 'pointer'],
    support: 'full',
  },
  { number: 67, name: 'shmdt', handler: sysShmdt, args: ['pointer'], support: 'full' },
];

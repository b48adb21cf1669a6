/** mmap(2) and its kin. */
import type { Registers } from '../../platform/registers.js';
import { PAGE_SIZE, isPageAligned } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import {
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_DENYWRITE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_KNOWN,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_TYPE,
  MLOCK_ONFAULT,
  PROT_ACCESS,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_SEM,
} from '../abi/mman.js';
import { checkMincore, madvise, mincore, MINCORE_RANGE, msync } from '../mm/advice.js';
import { mlock, mlockall, munlock, munlockall } from '../mm/lock-memory.js';
import type { MappedFile } from '../mm/mappable.js';
import { checkMunmap, mmap, mprotect, munmap, type MapRequest } from '../mm/mmap.js';
import { mremap } from '../mm/mremap.js';
import { setBrk } from '../mm/program-break.js';
import type { Locking } from '../mm/vma.js';
import type { Task } from '../task/task.js';
import type { SyscallHandler, SyscallResult, SyscallRow } from './row.js';

/** Told by the low bits: as a number an address beyond 2^53 is rounded to something even. */
function isAddressAligned(args: Registers): boolean {
  return args.argumentUint(0) % PAGE_SIZE === 0;
}

function sysMmap(task: Task, args: Registers): number {
  const flags = args.argumentUint(3);
  const type = flags & MAP_TYPE;
  const offset = args.argument(5);
  if (!isPageAligned(offset)) return -Errno.EINVAL;
  if (type !== MAP_PRIVATE && type !== MAP_SHARED && type !== MAP_SHARED_VALIDATE) {
    return -Errno.EINVAL;
  }
  const anonymous = (flags & MAP_ANONYMOUS) !== 0;
  if (type === MAP_SHARED_VALIDATE) {
    if (anonymous) return -Errno.EINVAL;
    if ((flags & ~MAP_KNOWN) !== 0) return -Errno.EOPNOTSUPP;
  }
  let file: MappedFile | undefined;
  if (!anonymous) {
    const mapping = task.files.get(args.argumentInt(4))?.mapping() ?? -Errno.EBADF;
    if (typeof mapping === 'number') return mapping;
    if (mapping !== 'anonymous') file = mapping;
  } else if ((flags & MAP_HUGETLB) !== 0) {
    // As on a machine that has no huge pages reserved.
    return -Errno.ENOMEM;
  }
  return mmap(task.mm, {
    address: args.argument(0),
    length: args.argument(1),
    access: args.argumentUint(2) & PROT_ACCESS,
    shared: type !== MAP_PRIVATE,
    placement: placementOf(flags),
    file,
    offset: anonymous ? 0 : offset,
    growsDown: (flags & MAP_GROWSDOWN) !== 0,
    noReserve: (flags & MAP_NORESERVE) !== 0,
    image: file !== undefined && (flags & MAP_DENYWRITE) !== 0,
    populate: (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE,
    locked: (flags & MAP_LOCKED) !== 0,
    by: task.credentials,
  });
}

function placementOf(flags: number): MapRequest['placement'] {
  if ((flags & MAP_FIXED_NOREPLACE) !== 0) return 'fixed-noreplace';
  if ((flags & MAP_FIXED) !== 0) return 'fixed';
  return (flags & MAP_32BIT) !== 0 ? 'low-2g' : 'anywhere';
}

/** Runs of pages that are given back in one go. */
const RUNS_AT_ONCE = 8192;

function sysMunmap(task: Task, args: Registers): SyscallResult {
  const [address, length] = [args.argument(0), args.argument(1)];
  const { mm } = task;
  if (mm.pages.runCount <= RUNS_AT_ONCE) return munmap(mm, address, length);
  const error = checkMunmap(mm, address, length);
  return error !== 0 ? error : munmapInParts(task, address, length);
}

/** The pages go first, while others have turns; then the mapping, with what was touched meanwhile. */
async function munmapInParts(task: Task, address: number, length: number): Promise<number> {
  const { mm } = task;
  for (let at = address; ;) {
    at = mm.pages.dropSome(at, address + length, RUNS_AT_ONCE);
    if (at >= address + length) return munmap(mm, address, length);
    if (!(await task.takeTurn())) return -Errno.EINTR;
    while (mm.copying !== undefined) await mm.copying;
  }
}

function sysMprotect(task: Task, args: Registers): number {
  const prot = args.argumentUint(2);
  const known = PROT_ACCESS | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP;
  if ((prot & ~known) !== 0 || (prot & PROT_GROWSUP) !== 0) return -Errno.EINVAL;
  if (!isAddressAligned(args)) return -Errno.EINVAL;
  const growsDown = (prot & PROT_GROWSDOWN) !== 0;
  return mprotect(task.mm, args.argument(0), args.argument(1), prot & PROT_ACCESS, growsDown);
}

function sysMremap(task: Task, args: Registers): number {
  if (!isAddressAligned(args)) return -Errno.EINVAL;
  return mremap(
    task.mm,
    args.argument(0),
    args.argument(1),
    args.argument(2),
    args.argumentUint(3),
    args.argument(4),
    task.credentials,
  );
}

function sysMlock(task: Task, args: Registers, locking: Locking): number {
  return mlock(task.mm, task.credentials, args.argument(0), args.argument(1), locking);
}

function sysMlock2(task: Task, args: Registers): number {
  const flags = args.argumentUint(2);
  if ((flags & ~MLOCK_ONFAULT) !== 0) return -Errno.EINVAL;
  return sysMlock(task, args, flags === 0 ? 'at-once' : 'on-fault');
}

function sysMincore(task: Task, args: Registers): SyscallResult {
  const [address, length, into] = [args.argument(0), args.argument(1), args.argument(2)];
  const { mm } = task;
  const error = checkMincore(mm, address, length);
  return error !== 0 || length <= MINCORE_RANGE
    ? error || mincore(mm, address, length, into)
    : mincoreInParts(task, address, length, into);
}

/** What takes long leaves others their turns, and ends with the thread. */
async function mincoreInParts(
  task: Task,
  address: number,
  length: number,
  into: number,
): Promise<number> {
  for (let done = 0; done < length; done += MINCORE_RANGE) {
    const part = Math.min(MINCORE_RANGE, length - done);
    const result = mincore(task.mm, address + done, part, into + done / PAGE_SIZE);
    if (result !== 0) return result;
    if (!(await task.takeTurn())) return -Errno.EINTR;
  }
  return 0;
}

const RANGE = ['pointer', 'size'] as const;

/** While a fork copies the memory its mappings stay as they are. */
function whenCopied(row: SyscallRow): SyscallRow {
  const later = async (task: Task, args: Registers): Promise<number> => {
    while (task.mm.copying !== undefined) await task.mm.copying;
    return row.handler(task, args);
  };
  const handler: SyscallHandler = (task, args) =>
    task.mm.copying === undefined ? row.handler(task, args) : later(task, args);
  return { ...row, handler };
}

const table: readonly SyscallRow[] = [
  {
    number: 9,
    name: 'mmap',
    handler: sysMmap,
    args: ['pointer', 'size', 'prot', 'map-flags', 'fd', 'hex'],
    result: 'hex',
    support: 'partial',
    missing: 'huge pages',
  },
  {
    number: 10,
    name: 'mprotect',
    handler: sysMprotect,
    args: ['pointer', 'size', 'prot'],
    support: 'full',
  },
  {
    number: 11,
    name: 'munmap',
    handler: sysMunmap,
    args: RANGE,
    support: 'full',
  },
  {
    number: 12,
    name: 'brk',
    handler: (task, args) => setBrk(task.mm, args.argument(0), task.credentials),
    args: ['pointer'],
    result: 'hex',
    support: 'full',
  },
  {
    number: 25,
    name: 'mremap',
    handler: sysMremap,
    args: ['pointer', 'size', 'size', 'remap-flags', 'pointer'],
    result: 'hex',
    support: 'partial',
    missing: 'a range that spans several mappings',
  },
  {
    number: 26,
    name: 'msync',
    handler: (task, args) =>
      isAddressAligned(args)
        ? msync(task.mm, args.argument(0), args.argument(1), args.argumentUint(2))
        : -Errno.EINVAL,
    args: ['pointer', 'size', 'sync-flags'],
    support: 'full',
  },
  {
    number: 27,
    name: 'mincore',
    handler: sysMincore,
    args: ['pointer', 'size', 'pointer'],
    support: 'full',
  },
  {
    number: 28,
    name: 'madvise',
    handler: (task, args) =>
      isAddressAligned(args)
        ? madvise(task.mm, args.argument(0), args.argument(1), args.argumentInt(2))
        : -Errno.EINVAL,
    args: ['pointer', 'size', 'advice'],
    support: 'partial',
    missing: 'guard pages; that memory was poisoned',
  },
  {
    number: 149,
    name: 'mlock',
    handler: (task, args) => sysMlock(task, args, 'at-once'),
    args: RANGE,
    support: 'full',
  },
  {
    number: 150,
    name: 'munlock',
    handler: (task, args) => munlock(task.mm, args.argument(0), args.argument(1)),
    args: RANGE,
    support: 'full',
  },
  {
    number: 151,
    name: 'mlockall',
    handler: (task, args) => mlockall(task.mm, task.credentials, args.argumentUint(0)),
    args: ['hex'],
    support: 'full',
  },
  {
    number: 152,
    name: 'munlockall',
    handler: (task) => munlockall(task.mm),
    args: [],
    support: 'full',
  },
  {
    number: 325,
    name: 'mlock2',
    handler: sysMlock2,
    args: ['pointer', 'size', 'hex'],
    support: 'full',
  },
];

export const rows: readonly SyscallRow[] = table.map(whenCopied);

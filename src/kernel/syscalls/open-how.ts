/** openat2(2): as openat, with all arguments checked, and with a say in where the path may lead. */
import { PAGE_SIZE } from '../../platform/file-range.js';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { O, Resolve } from '../abi/fcntl.js';
import { readWord } from '../abi/word.js';
import { Walk } from '../fs/path-walk.js';
import type { Task } from '../task/task.js';
import { openPath } from './file-open.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** struct open_how: flags, mode, resolve. */
interface OpenHow {
  readonly flags: number;
  readonly mode: number;
  readonly resolve: number;
}

const OPEN_HOW_SIZE = 24;
const PERMISSIONS = 0o7777;
const VALID_FLAGS = Object.values(O).reduce<number>((all, flag) => all | flag, 0);
const PATH_FLAGS = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
const VALID_RESOLVE = Object.values(Resolve).reduce<number>((all, flag) => all | flag, 0);
const SCOPED = Resolve.BENEATH | Resolve.IN_ROOT;

/** What each flag is to the walk. RESOLVE_CACHED asks for no more than what is done anyway. */
const WALKS: readonly (readonly [resolve: number, walk: number])[] = [
  [Resolve.NO_XDEV, Walk.OneMount],
  [Resolve.NO_MAGICLINKS, Walk.NoMagicLinks],
  [Resolve.NO_SYMLINKS, Walk.NoLinks],
  [Resolve.BENEATH, Walk.Beneath],
  [Resolve.IN_ROOT, Walk.StartIsRoot],
];

function sysOpenat2(task: Task, args: Registers): SyscallResult {
  const how = readHow(task, args.argument(2), args.argument(3));
  if (typeof how === 'number') return how;
  const { flags, mode, resolve } = how;
  const error = checkHow(how);
  if (error !== 0) return error;
  if ((resolve & Resolve.CACHED) !== 0 && (flags & (O.TRUNC | O.CREAT | O.TMPFILE)) !== 0) {
    return -Errno.EAGAIN;
  }
  let scope = 0;
  for (const [flag, walk] of WALKS) if ((resolve & flag) !== 0) scope |= walk;
  return openPath(task, args.argumentInt(0), args.argument(1), flags, mode, scope);
}

/** A longer structure is one of a newer Linux's: what it says beyond must be nothing. */
function readHow(task: Task, address: number, size: number): OpenHow | number {
  if (size < OPEN_HOW_SIZE) return -Errno.EINVAL;
  if (size > PAGE_SIZE) return -Errno.E2BIG;
  const bytes = Buffer.alloc(size);
  const count = task.mm.copyIn(address, bytes);
  if (bytes.subarray(OPEN_HOW_SIZE, count).some((byte) => byte !== 0)) return -Errno.E2BIG;
  if (count < size) return -Errno.EFAULT;
  return { flags: readWord(bytes, 0), mode: readWord(bytes, 8), resolve: readWord(bytes, 16) };
}

function checkHow({ flags, mode, resolve }: OpenHow): number {
  if (flags > VALID_FLAGS || (flags & ~VALID_FLAGS) !== 0) return -Errno.EINVAL;
  if (resolve > VALID_RESOLVE || (resolve & SCOPED) === SCOPED) return -Errno.EINVAL;
  const creates = (flags & (O.CREAT | O.TMPFILE)) !== 0;
  if (mode > (creates ? PERMISSIONS : 0)) return -Errno.EINVAL;
  if ((flags & O.CREAT) !== 0 && (flags & O.DIRECTORY) !== 0) return -Errno.EINVAL;
  if ((flags & O.TMPFILE) !== 0) {
    const writes = (flags & O.ACCMODE) !== O.RDONLY;
    if ((flags & O.DIRECTORY) === 0 || !writes) return -Errno.EINVAL;
  }
  return (flags & O.PATH) !== 0 && (flags & ~PATH_FLAGS) !== 0 ? -Errno.EINVAL : 0;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 437,
    name: 'openat2',
    handler: sysOpenat2,
    args: ['dirfd', 'path', 'pointer', 'size'],
    support: 'full',
  },
];

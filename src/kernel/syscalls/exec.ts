/** execve(2), execveat(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { AT_FDCWD, At, PATH_MAX } from '../abi/fcntl.js';
import { readWord } from '../abi/word.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import { goOn } from '../fs/user/answers.js';
import { execute, type ExecuteRequest } from '../task/exec.js';
import type { Task } from '../task/task.js';
import { walkPath } from './path-argument.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** Bytes of argument and environment strings together, and of one of them (execve(2)). */
const MAX_STRINGS = 6 * 1024 * 1024;
const MAX_STRING = 128 * 1024;
/** Bytes of the host's that a string takes besides its characters. */
const STRING_SIZE = 32;
const FLAGS = At.EMPTY_PATH | At.SYMLINK_NOFOLLOW;

/** Strings that are read in one go. */
const AT_ONCE = 1024;

/** Reads a NULL-terminated array of strings; -E2BIG, -EFAULT. */
async function readStrings(
  task: Task,
  address: number,
  budget: Budget,
): Promise<string[] | number> {
  const kernelMemory = KernelMemory.of(task.kernel.memory);
  const strings: string[] = [];
  if (address === 0) return strings;
  const pointer = Buffer.alloc(8);
  for (let at = address; ; at += 8) {
    if (strings.length % AT_ONCE === AT_ONCE - 1 && !(await task.takeTurn())) return -Errno.EINTR;
    if (!task.mm.read(at, pointer)) return -Errno.EFAULT;
    const target = readWord(pointer, 0);
    if (target === 0) return strings;
    const text = task.mm.readCString(target, MAX_STRING - 1);
    if (typeof text === 'number') return text === -Errno.EFAULT ? text : -Errno.E2BIG;
    budget.left -= text.length + 9;
    if (budget.left < 0) return -Errno.E2BIG;
    const size = text.length + STRING_SIZE;
    if (!kernelMemory.take(size)) return -Errno.ENOMEM;
    budget.taken += size;
    strings.push(text);
  }
}

/** What may still be read, and what the kernel's memory has been asked for. */
interface Budget {
  left: number;
  taken: number;
}

interface Strings {
  readonly argv: readonly string[];
  readonly env: readonly string[];
}

async function readArguments(
  task: Task,
  argvAt: number,
  envAt: number,
  budget: Budget,
): Promise<Strings | number> {
  const argv = await readStrings(task, argvAt, budget);
  if (typeof argv === 'number') return argv;
  const env = await readStrings(task, envAt, budget);
  if (typeof env === 'number') return env;
  // Linux gives a program without arguments an empty name.
  return { argv: argv.length === 0 ? [''] : argv, env };
}

/** Reads the strings, and runs the program that `choose` finds. They count as the kernel's memory meanwhile. */
async function executeWith(
  task: Task,
  argvAt: number,
  envAt: number,
  choose: () => Pick<ExecuteRequest, 'path' | 'opener'> | number,
): Promise<number> {
  const budget: Budget = { left: MAX_STRINGS, taken: 0 };
  try {
    const strings = await readArguments(task, argvAt, envAt, budget);
    if (typeof strings === 'number') return strings;
    return await goOn(task, () => {
      const program = choose();
      return typeof program === 'number' ? program : execute(task, { ...program, ...strings });
    });
  } finally {
    KernelMemory.of(task.kernel.memory).give(budget.taken);
  }
}

/** Looked up on the task's behalf: its permissions count, and /proc/self is its own. */
function openerOf(task: Task): ExecuteRequest['opener'] {
  return { openExecutable: (name: string) => task.fsContext.openExecutable(name, task) };
}

function sysExecve(task: Task, args: Registers): SyscallResult {
  const path = task.mm.readCString(args.argument(0), PATH_MAX - 1);
  if (typeof path === 'number') return path;
  return executeWith(task, args.argument(1), args.argument(2), () => ({
    path,
    opener: openerOf(task),
  }));
}

function sysExecveat(task: Task, args: Registers): SyscallResult {
  const [dirfd, flags] = [args.argumentInt(0), args.argumentUint(4)];
  if ((flags & ~FLAGS) !== 0) return -Errno.EINVAL;
  const path = task.mm.readCString(args.argument(1), PATH_MAX - 1);
  if (typeof path === 'number') return path;
  if (path === '' && (flags & At.EMPTY_PATH) === 0) return -Errno.ENOENT;
  return executeWith(task, args.argument(2), args.argument(3), () =>
    programAt(task, dirfd, path, flags),
  );
}

function programAt(
  task: Task,
  dirfd: number,
  path: string,
  flags: number,
): Pick<ExecuteRequest, 'path' | 'opener'> | number {
  if (path.startsWith('/') || (dirfd === AT_FDCWD && path !== '')) {
    return isForbiddenLink(task, path, flags) ? -Errno.ELOOP : { path, opener: openerOf(task) };
  }
  if (task.files.get(dirfd) === undefined) return -Errno.EBADF;
  // The program is told a name by which it can be opened again, as Linux does.
  const suffix = path === '' ? '' : `/${path}`;
  if (isForbiddenLink(task, `/proc/self/fd/${String(dirfd)}${suffix}`, path === '' ? 0 : flags)) {
    return -Errno.ELOOP;
  }
  const opener = {
    openExecutable: (name: string) =>
      task.fsContext.openExecutable(name.replace(/^\/dev\/fd\//, '/proc/self/fd/'), task),
  };
  return { path: `/dev/fd/${String(dirfd)}${suffix}`, opener };
}

function isForbiddenLink(task: Task, path: string, flags: number): boolean {
  if ((flags & At.SYMLINK_NOFOLLOW) === 0) return false;
  const walk = walkPath(task, AT_FDCWD, path, 0);
  return typeof walk === 'object' && walk.file === undefined && walk.inode.isSymlink;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 59,
    name: 'execve',
    handler: sysExecve,
    args: ['path', 'string-array', 'environment'],
    support: 'partial',
    missing: 'set-user-ID programs',
  },
  {
    number: 322,
    name: 'execveat',
    handler: sysExecveat,
    args: ['dirfd', 'path', 'string-array', 'environment', 'at-flags'],
    support: 'partial',
    missing: 'set-user-ID programs',
  },
];

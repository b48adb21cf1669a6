/** fork(2), vfork(2), clone(2), clone3(2), unshare(2). */
import type { Registers } from '../../platform/registers.js';
import { CLONE, NAMESPACE_FLAGS } from '../abi/clone.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { SIGNAL_COUNT, Signo } from '../abi/signal.js';
import { readWord } from '../abi/word.js';
import { PidFile } from '../fs/event/pid-file.js';
import { cloneTask, hasFlag, startTask, type CloneRequest } from '../task/clone.js';
import { Rlimit } from '../task/resource-limits.js';
import type { Task } from '../task/task.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** Sizes of `struct clone_args` by version. */
const CLONE_ARGS_MIN = 64;
const CLONE_ARGS_SIZE = 88;
const CLONE_ARGS_MAX = 4096;
const FLAGS_BY_CLONE3 = CLONE.CLEAR_SIGHAND + CLONE.INTO_CGROUP;
const TWO_32 = 4294967296;

interface FullRequest extends CloneRequest {
  /** Where the pidfd goes, with CLONE_PIDFD. */
  readonly pidfdAt: number;
}

const PLAIN = { stackPointer: 0, tls: 0, parentTid: 0, childTid: 0, pidfdAt: 0 };

function sysFork(task: Task): SyscallResult {
  return clone(task, { ...PLAIN, flags: 0, exitSignal: Signo.SIGCHLD });
}

function sysVfork(task: Task): SyscallResult {
  return clone(task, { ...PLAIN, flags: CLONE.VM | CLONE.VFORK, exitSignal: Signo.SIGCHLD });
}

function sysClone(task: Task, args: Registers): SyscallResult {
  const flags = args.argumentUint(0);
  // CLONE_DETACHED was given up long ago, and is without effect.
  const wanted = (flags & ~(CLONE.CSIGNAL | CLONE.DETACHED)) >>> 0;
  if (hasFlag(flags, CLONE.PIDFD)) {
    const clash = CLONE.PARENT_SETTID | CLONE.DETACHED;
    if ((flags & clash) !== 0) return -Errno.EINVAL;
  }
  return clone(task, {
    flags: wanted,
    exitSignal: flags & CLONE.CSIGNAL,
    stackPointer: args.argument(1),
    parentTid: args.argument(2),
    pidfdAt: args.argument(2),
    childTid: args.argument(3),
    tls: args.argument(4),
  });
}

function sysClone3(task: Task, args: Registers): SyscallResult {
  const size = args.argument(1);
  if (size > CLONE_ARGS_MAX) return -Errno.E2BIG;
  if (size < CLONE_ARGS_MIN) return -Errno.EINVAL;
  const bytes = Buffer.alloc(Math.max(size, CLONE_ARGS_SIZE));
  if (!task.mm.read(args.argument(0), bytes.subarray(0, size))) return -Errno.EFAULT;
  if (bytes.subarray(CLONE_ARGS_SIZE).some((byte) => byte !== 0)) return -Errno.E2BIG;
  const request = decodeClone3(bytes);
  return typeof request === 'number' ? request : clone(task, request);
}

function decodeClone3(bytes: Buffer): FullRequest | number {
  const word = (index: number): number => readWord(bytes, index * 8);
  const [flags, pidfdAt, childTid, parentTid, exitSignal] = [0, 1, 2, 3, 4].map(word) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const [stack, stackSize, tls, setTid, setTidSize] = [5, 6, 7, 8, 9].map(word) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (flags >= FLAGS_BY_CLONE3 * 2 || exitSignal > SIGNAL_COUNT) return -Errno.EINVAL;
  if (((flags % TWO_32) & (CLONE.CSIGNAL | CLONE.DETACHED)) !== 0) return -Errno.EINVAL;
  if (hasFlag(flags, CLONE.SIGHAND) && hasFlag(flags, CLONE.CLEAR_SIGHAND)) return -Errno.EINVAL;
  if ((stack === 0) !== (stackSize === 0)) return -Errno.EINVAL;
  const ends = hasFlag(flags, CLONE.THREAD) || hasFlag(flags, CLONE.PARENT);
  if (ends && exitSignal !== 0) return -Errno.EINVAL;
  if ((setTid === 0) !== (setTidSize === 0)) return -Errno.EINVAL;
  if (setTid !== 0) return -Errno.EPERM;
  if (hasFlag(flags, CLONE.INTO_CGROUP)) return -Errno.EINVAL;
  return { flags, pidfdAt, childTid, parentTid, exitSignal, stackPointer: stack + stackSize, tls };
}

/** What does not go together (clone(2), "EINVAL"); namespaces are not given out, as in a locked-down container. */
function checkFlags(flags: number): number {
  const has = (flag: number): boolean => hasFlag(flags, flag);
  if (has(CLONE.NEWNS) && has(CLONE.FS)) return -Errno.EINVAL;
  if (has(CLONE.NEWUSER) && has(CLONE.FS)) return -Errno.EINVAL;
  if (has(CLONE.THREAD) && !has(CLONE.SIGHAND)) return -Errno.EINVAL;
  if (has(CLONE.SIGHAND) && !has(CLONE.VM)) return -Errno.EINVAL;
  if (has(CLONE.PIDFD) && has(CLONE.THREAD)) return -Errno.EINVAL;
  return ((flags % TWO_32) & NAMESPACE_FLAGS) === 0 ? 0 : -Errno.EPERM;
}

async function clone(task: Task, request: FullRequest): Promise<number> {
  const { flags } = request;
  const error = checkFlags(flags);
  if (error !== 0) return error;
  if (hasFlag(flags, CLONE.SETTLS) && request.tls >= task.mm.layout.top) return -Errno.EPERM;
  const pidfd = hasFlag(flags, CLONE.PIDFD) ? reservePidfd(task, request.pidfdAt) : undefined;
  if (typeof pidfd === 'number') return pidfd;
  let child: Task | number = -Errno.ENOMEM;
  try {
    child = await cloneTask(task, request);
  } finally {
    if (typeof child === 'number') pidfd?.cancel();
  }
  if (typeof child === 'number') return child;
  pidfd?.fill(child);
  const tid = new Uint8Array(Uint32Array.of(child.tid).buffer);
  if (hasFlag(flags, CLONE.PARENT_SETTID)) task.mm.copyOut(request.parentTid, tid);
  if (hasFlag(flags, CLONE.CHILD_SETTID)) child.mm.copyOut(request.childTid, tid);
  task.kernel.tracer?.cloned(child, task);
  if (!hasFlag(flags, CLONE.VFORK)) {
    startTask(child);
    return child.tid;
  }
  const released = new Promise<void>((resolve) => {
    child.onMemoryReleased = resolve;
  });
  startTask(child);
  await task.blockUntilEnding(released);
  return child.tid;
}

/** A descriptor that must be there before the child is. */
function reservePidfd(
  task: Task,
  address: number,
): { fill: (child: Task) => void; cancel: () => void } | number {
  const limit = task.process.limits.soft(Rlimit.Nofile);
  const placeholder = new PidFile(task.process, 0);
  const fd = task.files.allocate(placeholder, true, 0, limit);
  if (fd < 0) {
    placeholder.decRef();
    return fd;
  }
  const cancel = (): void => {
    task.files.close(fd);
  };
  if (task.mm.write(address, new Uint8Array(Uint32Array.of(fd).buffer)) !== 0) {
    cancel();
    return -Errno.EFAULT;
  }
  return {
    cancel,
    fill: (child) => {
      task.files.install(fd, new PidFile(child.process, 0), true);
    },
  };
}

const UNSHARE_KNOWN =
  CLONE.FILES | CLONE.FS | CLONE.SYSVSEM | CLONE.THREAD | CLONE.SIGHAND | CLONE.VM;

/** unshare(2): what is shared with other tasks becomes this one's own. */
function sysUnshare(task: Task, args: Registers): number {
  const flags = args.argumentUint(0);
  const namespaces = NAMESPACE_FLAGS | CLONE.NEWTIME;
  if ((flags & ~(UNSHARE_KNOWN | namespaces)) !== 0) return -Errno.EINVAL;
  if ((flags & namespaces) !== 0) return -Errno.EPERM;
  const alone = CLONE.THREAD | CLONE.SIGHAND | CLONE.VM;
  if ((flags & alone) !== 0 && task.process.tasks.size > 1) return -Errno.EINVAL;
  if ((flags & CLONE.FILES) !== 0 && task.files.isShared) {
    const own = task.files.clone();
    if (own === undefined) return -Errno.ENOMEM;
    task.files.release();
    task.files = own;
  }
  if ((flags & CLONE.FS) !== 0 && task.fsContext.isShared) {
    const { fsContext } = task;
    task.fsContext = fsContext.clone();
    fsContext.release();
  }
  return 0;
}

function sysPidfdOpen(task: Task, args: Registers): number {
  const [pid, flags] = [args.argumentInt(0), args.argumentUint(1)];
  if ((flags & ~O.NONBLOCK) !== 0 || pid <= 0) return -Errno.EINVAL;
  const process = task.kernel.processes.get(pid);
  if (process === undefined) return task.kernel.tasks.has(pid) ? -Errno.EINVAL : -Errno.ESRCH;
  const file = new PidFile(process, flags);
  const fd = task.files.allocate(file, true, 0, task.process.limits.soft(Rlimit.Nofile));
  if (fd < 0) file.decRef();
  return fd;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 56,
    name: 'clone',
    handler: sysClone,
    args: ['clone-begin', 'clone-rest'],
    support: 'full',
  },
  { number: 57, name: 'fork', handler: sysFork, args: [], support: 'full' },
  { number: 58, name: 'vfork', handler: sysVfork, args: [], support: 'full' },
  {
    number: 272,
    name: 'unshare',
    handler: sysUnshare,
    args: ['clone-flags'],
    support: 'partial',
    missing: 'namespaces: EPERM, as in a locked-down container',
  },
  {
    number: 434,
    name: 'pidfd_open',
    handler: sysPidfdOpen,
    args: ['int', 'hex'],
    support: 'full',
  },
  {
    number: 435,
    name: 'clone3',
    handler: sysClone3,
    args: ['clone3-out', 'size'],
    support: 'partial',
    missing: 'set_tid, cgroups',
  },
];

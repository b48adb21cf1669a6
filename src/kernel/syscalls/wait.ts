/** wait4(2), waitid(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import {
  CLD,
  IdType,
  WALL,
  WCLONE,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOTHREAD,
  WNOWAIT,
  WUNTRACED,
  continuedStatus,
  exitedStatus,
  killedStatus,
  stoppedStatus,
} from '../abi/wait.js';
import { O } from '../abi/fcntl.js';
import { PidFile } from '../fs/event/pid-file.js';
import { SIGINFO_SIZE, encodeSignalInfo, type SignalInfo } from '../signal/signal-info.js';
import type { Task } from '../task/task.js';
import { waitForChild, type ChildReport, type ChildSelector } from '../task/wait.js';
import type { SyscallResult, SyscallRow } from './row.js';
import { encodeUsage } from './resource-usage.js';

const WAIT4_OPTIONS = (WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE) >>> 0;
const WAITID_OPTIONS =
  (WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WNOTHREAD | WALL | WCLONE) >>> 0;
const INT_MIN = -(2 ** 31);

/** The status word of wait(2). */
function statusOf({ code, status = 0 }: SignalInfo): number {
  switch (code) {
    case CLD.Exited:
      return exitedStatus(status);
    case CLD.Stopped:
      return stoppedStatus(status);
    case CLD.Continued:
      return continuedStatus;
    default:
      return killedStatus(status, code === CLD.Dumped);
  }
}

async function sysWait4(task: Task, args: Registers): Promise<number> {
  const [pid, options] = [args.argumentInt(0), args.argumentUint(2)];
  if ((options & ~WAIT4_OPTIONS) !== 0) return -Errno.EINVAL;
  if (pid === INT_MIN) return -Errno.ESRCH;
  const report = await waitForChild(task, selectorOf(task, pid), options | WEXITED);
  if (typeof report === 'number') return report;
  const [statusAt, usageAt] = [args.argument(1), args.argument(3)];
  if (statusAt !== 0) {
    const word = new Uint8Array(Uint32Array.of(statusOf(report.info)).buffer);
    if (task.mm.write(statusAt, word) !== 0) return -Errno.EFAULT;
  }
  if (usageAt !== 0 && task.mm.write(usageAt, usageOf(report)) !== 0) return -Errno.EFAULT;
  return report.pid;
}

/** The children that a pid argument of wait4(2) means. */
function selectorOf(task: Task, pid: number): ChildSelector {
  if (pid > 0) return (child) => child.pid === pid;
  if (pid === -1) return () => true;
  const group = pid === 0 ? task.process.processGroup : -pid;
  return (child) => child.processGroup === group;
}

function usageOf(report: ChildReport): Buffer {
  return encodeUsage(report.cpuTime, report.peakResident);
}

function sysWaitid(task: Task, args: Registers): SyscallResult {
  const options = args.argumentUint(3);
  if ((options & ~WAITID_OPTIONS) !== 0) return -Errno.EINVAL;
  if ((options & (WEXITED | WUNTRACED | WCONTINUED)) === 0) return -Errno.EINVAL;
  const select = idSelector(task, args.argumentInt(0), args.argumentInt(1));
  return typeof select === 'number' ? select : waitid(task, args, select, options);
}

function idSelector(task: Task, type: number, id: number): ChildSelector | number {
  switch (type) {
    case IdType.All:
      return () => true;
    case IdType.Pid:
      return id <= 0 ? -Errno.EINVAL : selectorOf(task, id);
    case IdType.Group:
      return id < 0 ? -Errno.EINVAL : selectorOf(task, id === 0 ? 0 : -id);
    case IdType.Pidfd: {
      const file = task.files.get(id);
      if (!(file instanceof PidFile)) return -Errno.EBADF;
      return (child) => child === file.process;
    }
    default:
      return -Errno.EINVAL;
  }
}

/** P_PIDFD with a descriptor that is not blocking. */
function mayNotWait(task: Task, args: Registers): boolean {
  if (args.argumentInt(0) !== IdType.Pidfd) return false;
  return ((task.files.get(args.argumentInt(1))?.flags ?? 0) & O.NONBLOCK) !== 0;
}

async function waitid(
  task: Task,
  args: Registers,
  select: ChildSelector,
  options: number,
): Promise<number> {
  const refuses = mayNotWait(task, args);
  const report = await waitForChild(task, select, refuses ? options | WNOHANG : options);
  if (typeof report === 'number' && report < 0) return report;
  if (report === 0 && refuses && (options & WNOHANG) === 0) return -Errno.EAGAIN;
  const [infoAt, usageAt] = [args.argument(2), args.argument(4)];
  const bytes = Buffer.alloc(SIGINFO_SIZE);
  if (typeof report === 'object') {
    encodeSignalInfo({ ...report.info, userTime: 0 }, bytes, 0);
    if (usageAt !== 0 && task.mm.write(usageAt, usageOf(report)) !== 0) return -Errno.EFAULT;
  }
  return infoAt === 0 ? 0 : task.mm.write(infoAt, bytes);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 61,
    name: 'wait4',
    handler: sysWait4,
    args: ['int', 'wait-status-out', 'wait-options', 'usage-out'],
    support: 'full',
  },
  {
    number: 247,
    name: 'waitid',
    handler: sysWaitid,
    args: ['id-type', 'int', 'siginfo-out', 'wait-options', 'usage-out'],
    support: 'full',
  },
];

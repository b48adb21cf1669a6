/** Waiting for signals: pause(2), rt_sigsuspend(2), rt_sigtimedwait(2); and going on after one: restart_syscall(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { SIGINFO_SIZE, encodeSignalInfo, type SignalInfo } from '../signal/signal-info.js';
import { SignalSet } from '../signal/signal-set.js';
import type { Task } from '../task/task.js';
import { toMilliseconds } from '../time/clock.js';
import { after } from '../time/timeout.js';
import { readTimespec } from '../time/timespec.js';
import type { SyscallResult, SyscallRow } from './row.js';
import { SIGSET_SIZE, readSet } from './signal-set-argument.js';

/** Waits for a signal; never ends in any other way. */
function pause(task: Task): Promise<number> {
  return task.block(new Promise<number>(() => undefined), () => undefined);
}

function sysSigsuspend(task: Task, args: Registers): SyscallResult {
  if (args.argument(1) !== SIGSET_SIZE) return -Errno.EINVAL;
  const set = readSet(task, args.argument(0));
  if (set === undefined) return -Errno.EFAULT;
  task.savedMask = task.blocked;
  task.setBlocked(set);
  return pause(task);
}

/** rt_sigtimedwait(2): takes a signal of a set without delivering it. */
async function sysSigtimedwait(task: Task, args: Registers): Promise<number> {
  if (args.argument(3) !== SIGSET_SIZE) return -Errno.EINVAL;
  const wanted = readSet(task, args.argument(0));
  if (wanted === undefined) return -Errno.EFAULT;
  const timeAt = args.argument(2);
  const time = timeAt === 0 ? undefined : readTimespec(task.mm, timeAt);
  if (typeof time === 'number') return time;
  const infoAt = args.argument(1);
  const others = new SignalSet(~wanted.low, ~wanted.high);
  const taken = takeSignal(task, others);
  if (taken !== undefined) return accept(task, taken, infoAt);
  const milliseconds = time === undefined ? Infinity : toMilliseconds(time);
  if (milliseconds === 0) return -Errno.EAGAIN;
  task.awaited = wanted;
  let stop = (): void => undefined;
  const late = new Promise<number>((resolve) => {
    stop = after(milliseconds, () => {
      resolve(-Errno.EAGAIN);
    });
  });
  const result = await task.block(late, stop);
  task.awaited = undefined;
  const arrived = takeSignal(task, others);
  if (result === -Errno.EINTR) task.restarts = 'never';
  return arrived === undefined ? result : accept(task, arrived, infoAt);
}

/** restart_syscall(2): a call that a stop cut short goes on. Behind a handler there is none. */
function sysRestart(task: Task): SyscallResult {
  const { resume } = task;
  task.resume = undefined;
  task.restarts = 'never';
  if (resume === undefined) return -Errno.EINTR;
  task.restarts = 'by-rule';
  return resume();
}

function takeSignal(task: Task, others: SignalSet): SignalInfo | undefined {
  return task.pending.take(others) ?? task.process.pending.take(others);
}

function accept(task: Task, info: SignalInfo, infoAt: number): number {
  if (infoAt === 0) return info.signo;
  const bytes = Buffer.alloc(SIGINFO_SIZE);
  encodeSignalInfo(info, bytes, 0);
  return task.mm.write(infoAt, bytes) === 0 ? info.signo : -Errno.EFAULT;
}

export const rows: readonly SyscallRow[] = [
  { number: 219, name: 'restart_syscall', handler: sysRestart, args: [], support: 'full' },
  { number: 34, name: 'pause', handler: pause, args: [], support: 'full' },
  {
    number: 128,
    name: 'rt_sigtimedwait',
    handler: sysSigtimedwait,
    args: ['signal-set', 'siginfo-out', 'timespec', 'size'],
    result: 'signal',
    support: 'full',
  },
  {
    number: 130,
    name: 'rt_sigsuspend',
    handler: sysSigsuspend,
    args: ['signal-set', 'size'],
    support: 'full',
  },
];

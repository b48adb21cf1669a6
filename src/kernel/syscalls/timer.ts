/** Timers that send signals: alarm(2), setitimer(2), timer_create(2) and its kin. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { SIGNAL_COUNT, Signo } from '../abi/signal.js';
import type { Task } from '../task/task.js';
import { fromMilliseconds, toMilliseconds, type Timespec } from '../time/clock.js';
import type { IntervalTimer } from '../time/interval-timer.js';
import { PosixTimer, type TimerEvent } from '../time/process-timers.js';
import { timerClock } from '../time/task-clock.js';
import { putTimeval, putTimespec, readTimespec, readTimeval } from '../time/timespec.js';
import type { SyscallRow } from './row.js';

const TIMER_ABSTIME = 1;
const SIGEVENT_SIZE = 64;
const SIGEV_SIGNAL = 0;
const SIGEV_NONE = 1;
const SIGEV_THREAD_ID = 4;
const ITIMER_REAL = 0;
const ZERO: Timespec = { seconds: 0, nanoseconds: 0 };

function sysAlarm(task: Task, args: Registers): number {
  const timer = task.process.timers.interval[ITIMER_REAL];
  const before = timer.remaining;
  timer.arm(args.argumentUint(0) * 1000, 0);
  // Rounded to the nearest second, yet never to "none set".
  return before === 0 ? 0 : Math.max(Math.round(before / 1000), 1);
}

function timerOf(task: Task, args: Registers): IntervalTimer | undefined {
  return task.process.timers.interval[args.argumentInt(0)];
}

/** `struct itimerval`. */
function valueBytes(timer: IntervalTimer): Buffer {
  const bytes = Buffer.alloc(32);
  putTimeval(bytes, 0, timer.interval);
  putTimeval(bytes, 16, timer.remaining);
  return bytes;
}

function sysGetitimer(task: Task, args: Registers): number {
  const timer = timerOf(task, args);
  return timer === undefined ? -Errno.EINVAL : task.mm.write(args.argument(1), valueBytes(timer));
}

function sysSetitimer(task: Task, args: Registers): number {
  const timer = timerOf(task, args);
  if (timer === undefined) return -Errno.EINVAL;
  const [from, to] = [args.argument(1), args.argument(2)];
  const interval = from === 0 ? ZERO : readTimeval(task.mm, from);
  const first = from === 0 ? ZERO : readTimeval(task.mm, from + 16);
  if (typeof interval === 'number') return interval;
  if (typeof first === 'number') return first;
  const before = valueBytes(timer);
  timer.arm(toMilliseconds(first), toMilliseconds(interval));
  return to === 0 ? 0 : task.mm.write(to, before);
}

function sysTimerCreate(task: Task, args: Registers): number {
  const { timers } = task.process;
  const clock = timerClock(task, args.argumentInt(0));
  if (typeof clock === 'number') return clock;
  if (!timers.hasRoom) return -Errno.EAGAIN;
  const id = timers.nextId();
  const event = readEvent(task, args.argument(1), id);
  if (typeof event === 'number') return event;
  const word = new Uint8Array(Int32Array.of(id).buffer);
  if (task.mm.write(args.argument(2), word) !== 0) return -Errno.EFAULT;
  timers.add(new PosixTimer(task.process, id, clock, event));
  return 0;
}

/** `struct sigevent`; without one SIGALRM with the timer's id. */
function readEvent(task: Task, address: number, id: number): TimerEvent | number {
  if (address === 0) return { signo: Signo.SIGALRM, value: BigInt(id), thread: undefined };
  const bytes = Buffer.alloc(SIGEVENT_SIZE);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  const value = bytes.readBigUInt64LE(0);
  const signo = bytes.readInt32LE(8);
  const notify = bytes.readInt32LE(12);
  if (notify === SIGEV_NONE) return { signo: 0, value, thread: undefined };
  if (signo < 1 || signo > SIGNAL_COUNT) return -Errno.EINVAL;
  if (notify === SIGEV_SIGNAL) return { signo, value, thread: undefined };
  if (notify !== SIGEV_THREAD_ID) return -Errno.EINVAL;
  const thread = task.kernel.tasks.get(bytes.readInt32LE(16));
  return thread?.process === task.process ? { signo, value, thread } : -Errno.EINVAL;
}

function posixTimer(task: Task, args: Registers): PosixTimer | undefined {
  return task.process.timers.get(args.argumentInt(0));
}

/** `struct itimerspec`. */
function specBytes({ timer }: PosixTimer): Buffer {
  const bytes = Buffer.alloc(32);
  putTimespec(bytes, 0, fromMilliseconds(timer.interval));
  putTimespec(bytes, 16, fromMilliseconds(timer.remaining));
  return bytes;
}

function sysTimerSettime(task: Task, args: Registers): number {
  const [from, to] = [args.argument(2), args.argument(3)];
  const interval = readTimespec(task.mm, from);
  if (typeof interval === 'number') return interval;
  const first = readTimespec(task.mm, from + 16);
  if (typeof first === 'number') return first;
  const found = posixTimer(task, args);
  if (found === undefined) return -Errno.EINVAL;
  const before = specBytes(found);
  const { timer } = found;
  const time = toMilliseconds(first);
  found.overrun = 0;
  if (time > 0 && (args.argumentUint(1) & TIMER_ABSTIME) !== 0) {
    timer.armAt(time, toMilliseconds(interval));
  } else {
    timer.arm(time, toMilliseconds(interval));
  }
  return to === 0 ? 0 : task.mm.write(to, before);
}

function sysTimerGettime(task: Task, args: Registers): number {
  const found = posixTimer(task, args);
  return found === undefined ? -Errno.EINVAL : task.mm.write(args.argument(1), specBytes(found));
}

function sysTimerGetoverrun(task: Task, args: Registers): number {
  const found = posixTimer(task, args);
  return found === undefined ? -Errno.EINVAL : found.overrun;
}

function sysTimerDelete(task: Task, args: Registers): number {
  const found = posixTimer(task, args);
  if (found === undefined) return -Errno.EINVAL;
  task.process.timers.delete(found);
  return 0;
}

type Row = [number, string, SyscallRow['handler'], SyscallRow['args']];

const all: Row[] = [
  [36, 'getitimer', sysGetitimer, ['itimer', 'itimerval-out']],
  [37, 'alarm', sysAlarm, ['uint']],
  [38, 'setitimer', sysSetitimer, ['itimer', 'itimerval', 'itimerval-out']],
  [222, 'timer_create', sysTimerCreate, ['clock', 'pointer', 'pointer']],
  [223, 'timer_settime', sysTimerSettime, ['int', 'hex', 'pointer', 'pointer']],
  [224, 'timer_gettime', sysTimerGettime, ['int', 'pointer']],
  [225, 'timer_getoverrun', sysTimerGetoverrun, ['int']],
  [226, 'timer_delete', sysTimerDelete, ['int']],
];

export const rows: readonly SyscallRow[] = all.map(([number, name, handler, args]) => ({
  number,
  name,
  handler,
  args,
  support: 'full',
}));

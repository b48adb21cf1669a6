/** Descriptors for events: eventfd(2), timerfd_create(2), signalfd(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { EventFd } from '../fs/event/event-fd.js';
import { SignalFd } from '../fs/event/signal-fd.js';
import { TimerFd } from '../fs/event/timer-fd.js';
import type { SignalSet } from '../signal/signal-set.js';
import type { Task } from '../task/task.js';
import { ClockId, toMilliseconds, type Timespec } from '../time/clock.js';
import { millisecondsUntil, putLong, readTimespec } from '../time/timespec.js';
import { giveDescriptor, usableFile } from './file-descriptor-argument.js';
import type { SyscallRow } from './row.js';
import { readSet, SIGSET_SIZE } from './signal-set-argument.js';

const EFD_SEMAPHORE = 1;
const FLAGS = O.CLOEXEC | O.NONBLOCK;

function eventFd(task: Task, initial: number, flags: number): number {
  if (flags & ~(FLAGS | EFD_SEMAPHORE)) {
    return -Errno.EINVAL;
  }
  const semaphore = (flags & EFD_SEMAPHORE) !== 0;
  const file = new EventFd(initial, semaphore, flags & O.NONBLOCK);
  return giveDescriptor(task, file, (flags & O.CLOEXEC) !== 0);
}

function sysEventfd(task: Task, args: Registers): number {
  return eventFd(task, args.argumentUint(0), 0);
}

function sysEventfd2(task: Task, args: Registers): number {
  return eventFd(task, args.argumentUint(0), args.argumentInt(1));
}

const TIMER_CLOCKS: ReadonlySet<number> = new Set([
  ClockId.Realtime,
  ClockId.Monotonic,
  ClockId.Boottime,
]);
/** They wake a machine that sleeps, which takes a capability that nobody has here. */
const ALARM_CLOCKS: ReadonlySet<number> = new Set([ClockId.RealtimeAlarm, ClockId.BoottimeAlarm]);

function sysTimerfdCreate(task: Task, args: Registers): number {
  const [clock, flags] = [args.argumentInt(0), args.argumentInt(1)];
  if (flags & ~FLAGS) {
    return -Errno.EINVAL;
  }
  if (!TIMER_CLOCKS.has(clock)) {
    return ALARM_CLOCKS.has(clock) ? -Errno.EPERM : -Errno.EINVAL;
  }
  const file = new TimerFd(clock, flags & O.NONBLOCK);
  return giveDescriptor(task, file, (flags & O.CLOEXEC) !== 0);
}

const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
const ITIMERSPEC_SIZE = 32;
const VALUE_OFFSET = 16;

function timerOf(task: Task, fd: number): TimerFd | number {
  const file = usableFile(task, fd);
  if (file === undefined) {
    return -Errno.EBADF;
  }
  return file instanceof TimerFd ? file : -Errno.EINVAL;
}

function isZero({ seconds, nanoseconds }: Timespec): boolean {
  return seconds === 0 && nanoseconds === 0;
}

/** Nobody sets the clock inside, so that TFD_TIMER_CANCEL_ON_SET has nothing to do. */
function sysTimerfdSettime(task: Task, args: Registers): number {
  const flags = args.argumentInt(1);
  const address = args.argument(2);
  const interval = readTimespec(task.mm, address);
  const value = readTimespec(task.mm, address + VALUE_OFFSET);
  if (typeof interval === 'number' || typeof value === 'number') {
    const fault = interval === -Errno.EFAULT || value === -Errno.EFAULT;
    return fault ? -Errno.EFAULT : -Errno.EINVAL;
  }
  if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) {
    return -Errno.EINVAL;
  }
  const timer = timerOf(task, args.argumentInt(0));
  if (typeof timer === 'number') {
    return timer;
  }
  const before = timer.setting;
  const absolute = (flags & TFD_TIMER_ABSTIME) !== 0;
  const first = absolute ? millisecondsUntil(timer.clock, value) : toMilliseconds(value);
  timer.set(isZero(value) ? undefined : first, interval);
  const old = args.argument(3);
  return old === 0 ? 0 : writeSetting(task, old, before);
}

function sysTimerfdGettime(task: Task, args: Registers): number {
  const timer = timerOf(task, args.argumentInt(0));
  return typeof timer === 'number' ? timer : writeSetting(task, args.argument(1), timer.setting);
}

function writeSetting(task: Task, address: number, setting: TimerFd['setting']): number {
  const bytes = Buffer.alloc(ITIMERSPEC_SIZE);
  putTimespec(bytes, 0, setting.interval);
  putTimespec(bytes, VALUE_OFFSET, setting.value);
  return task.mm.write(address, bytes);
}

function putTimespec(bytes: Buffer, at: number, { seconds, nanoseconds }: Timespec): void {
  putLong(bytes, at, seconds);
  putLong(bytes, at + 8, nanoseconds);
}

function signalFd(task: Task, args: Registers, flags: number): number {
  if (args.argument(2) !== SIGSET_SIZE) {
    return -Errno.EINVAL;
  }
  const mask = readSet(task, args.argument(1));
  if (mask === undefined) {
    return -Errno.EFAULT;
  }
  if (flags & ~FLAGS) {
    return -Errno.EINVAL;
  }
  const fd = args.argumentInt(0);
  return fd === -1 ? newSignalFd(task, mask, flags) : changeSignalFd(task, fd, mask);
}

function newSignalFd(task: Task, mask: SignalSet, flags: number): number {
  const file = new SignalFd(mask, flags & O.NONBLOCK);
  return giveDescriptor(task, file, (flags & O.CLOEXEC) !== 0);
}

function changeSignalFd(task: Task, fd: number, mask: SignalSet): number {
  const file = usableFile(task, fd);
  if (!(file instanceof SignalFd)) {
    return file === undefined ? -Errno.EBADF : -Errno.EINVAL;
  }
  file.mask = mask;
  return fd;
}

function sysSignalfd(task: Task, args: Registers): number {
  return signalFd(task, args, 0);
}

function sysSignalfd4(task: Task, args: Registers): number {
  return signalFd(task, args, args.argumentInt(3));
}

export const rows: readonly SyscallRow[] = [
  { number: 284, name: 'eventfd', handler: sysEventfd, args: ['uint'], support: 'full' },
  {
    number: 290,
    name: 'eventfd2',
    handler: sysEventfd2,
    args: ['uint', 'eventfd-flags'],
    support: 'full',
  },
  {
    number: 283,
    name: 'timerfd_create',
    handler: sysTimerfdCreate,
    args: ['clock', 'timerfd-flags'],
    support: 'full',
  },
  {
    number: 286,
    name: 'timerfd_settime',
    handler: sysTimerfdSettime,
    args: ['fd', 'timerfd-set-flags', 'itimerspec', 'itimerspec-out'],
    support: 'full',
  },
  {
    number: 287,
    name: 'timerfd_gettime',
    handler: sysTimerfdGettime,
    args: ['fd', 'itimerspec-out'],
    support: 'full',
  },
  {
    number: 282,
    name: 'signalfd',
    handler: sysSignalfd,
    args: ['fd', 'signal-set', 'size'],
    support: 'full',
  },
  {
    number: 289,
    name: 'signalfd4',
    handler: sysSignalfd4,
    args: ['fd', 'signal-set', 'size', 'signalfd-flags'],
    support: 'full',
  },
];

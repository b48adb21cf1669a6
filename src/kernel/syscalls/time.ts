/** Clocks, sleeping, timers. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import {
  ClockId,
  fromMilliseconds,
  monotonic,
  realtimeMilliseconds,
  toMilliseconds,
  type Timespec,
} from '../time/clock.js';
import { after } from '../time/timeout.js';
import {
  millisecondsUntil,
  putLong,
  putTimeval,
  readTimespec,
  readTimeval,
  writeTimespec,
} from '../time/timespec.js';
import type { Task } from '../task/task.js';
import type { SyscallResult, SyscallRow } from './row.js';

const TIMER_ABSTIME = 1;
const ITIMER_REAL = 0;
const ITIMER_PROF = 2;
const COARSE_NANOSECONDS = 4_000_000;
const USER_HZ = 100;

/** The time on a clock, or -EINVAL where there is no such clock. */
function readClock(task: Task, clock: number): Timespec | number {
  switch (clock) {
    case ClockId.Realtime:
    case ClockId.RealtimeCoarse:
    case ClockId.RealtimeAlarm:
    case ClockId.Tai:
      return fromMilliseconds(realtimeMilliseconds());
    case ClockId.Monotonic:
    case ClockId.MonotonicRaw:
    case ClockId.MonotonicCoarse:
    case ClockId.Boottime:
    case ClockId.BoottimeAlarm:
      return monotonic();
    case ClockId.ProcessCpu:
    case ClockId.ThreadCpu:
      return fromMilliseconds(task.cpuTime);
    default:
      return readCpuClock(task, clock);
  }
}

/** The clocks of clock_getcpuclockid(3): the complement of a process id above three bits of kind. */
function readCpuClock(task: Task, clock: number): Timespec | number {
  if (clock >= 0) return -Errno.EINVAL;
  const pid = ~(clock >> 3);
  const own = pid === 0 || pid === task.pid || pid === task.tid;
  return own && (clock & 3) !== 3 ? fromMilliseconds(task.cpuTime) : -Errno.EINVAL;
}

function sysClockGettime(task: Task, args: Registers): number {
  const time = readClock(task, args.argumentInt(0));
  return typeof time === 'number' ? time : writeTimespec(task.mm, args.argument(1), time);
}

function sysClockGetres(task: Task, args: Registers): number {
  const clock = args.argumentInt(0);
  const time = readClock(task, clock);
  if (typeof time === 'number') return time;
  const address = args.argument(1);
  const coarse = clock === ClockId.RealtimeCoarse || clock === ClockId.MonotonicCoarse;
  const nanoseconds = coarse ? COARSE_NANOSECONDS : 1;
  return address === 0 ? 0 : writeTimespec(task.mm, address, { seconds: 0, nanoseconds });
}

function sysGettimeofday(task: Task, args: Registers): number {
  const bytes = Buffer.alloc(16);
  putTimeval(bytes, 0, realtimeMilliseconds());
  const [time, zone] = [args.argument(0), args.argument(1)];
  if (time !== 0 && task.mm.write(time, bytes) !== 0) return -Errno.EFAULT;
  return zone === 0 ? 0 : task.mm.write(zone, new Uint8Array(8));
}

function sysTime(task: Task, args: Registers): number {
  const seconds = Math.floor(realtimeMilliseconds() / 1000);
  const bytes = Buffer.alloc(8);
  putLong(bytes, 0, seconds);
  const address = args.argument(0);
  return address !== 0 && task.mm.write(address, bytes) !== 0 ? -Errno.EFAULT : seconds;
}

function sysNanosleep(task: Task, args: Registers): SyscallResult {
  const time = readTimespec(task.mm, args.argument(0));
  if (typeof time === 'number') return time;
  return sleep(task, toMilliseconds(time), args.argument(1));
}

function sysClockNanosleep(task: Task, args: Registers): SyscallResult {
  const clock = args.argumentInt(0);
  const now = readClock(task, clock);
  if (typeof now === 'number' || clock === ClockId.ThreadCpu) return -Errno.EINVAL;
  const time = readTimespec(task.mm, args.argument(2));
  if (typeof time === 'number') return time;
  if ((args.argumentUint(1) & TIMER_ABSTIME) === 0) {
    return sleep(task, toMilliseconds(time), args.argument(3));
  }
  if (clock === ClockId.ProcessCpu) return sleep(task, toMilliseconds(time) - task.cpuTime, 0);
  return sleep(task, millisecondsUntil(clock, time), 0);
}

/** Cut short by a signal, tells at `remainder` (unless 0) how much was left. */
async function sleep(task: Task, milliseconds: number, remainder: number): Promise<number> {
  if (milliseconds <= 0) return 0;
  const due = performance.now() + milliseconds;
  let stop = (): void => undefined;
  const over = new Promise<number>((resolve) => {
    stop = after(milliseconds, () => {
      resolve(0);
    });
  });
  const result = await task.block(over, stop);
  if (result === 0 || remainder === 0) return result;
  const left = fromMilliseconds(Math.max(due - performance.now(), 0));
  return writeTimespec(task.mm, remainder, left) === 0 ? result : -Errno.EFAULT;
}

function sysAlarm(task: Task, args: Registers): number {
  const timer = task.process.realTimer;
  const before = timer.remaining;
  timer.arm(args.argumentUint(0) * 1000, 0);
  // Rounded to the nearest second, yet never to "none set".
  return before === 0 ? 0 : Math.max(Math.round(before / 1000), 1);
}

function timerBytes(task: Task): Buffer {
  const bytes = Buffer.alloc(32);
  putTimeval(bytes, 0, task.process.realTimer.interval);
  putTimeval(bytes, 16, task.process.realTimer.remaining);
  return bytes;
}

function sysGetitimer(task: Task, args: Registers): number {
  const which = args.argumentInt(0);
  if (which < ITIMER_REAL || which > ITIMER_PROF) return -Errno.EINVAL;
  const bytes = which === ITIMER_REAL ? timerBytes(task) : Buffer.alloc(32);
  return task.mm.write(args.argument(1), bytes);
}

function sysSetitimer(task: Task, args: Registers): number {
  const which = args.argumentInt(0);
  if (which < ITIMER_REAL || which > ITIMER_PROF) return -Errno.EINVAL;
  // Timers over CPU time do not exist yet.
  if (which !== ITIMER_REAL) return -Errno.ENOSYS;
  const [from, to] = [args.argument(1), args.argument(2)];
  const interval = from === 0 ? ZERO : readTimeval(task.mm, from);
  const first = from === 0 ? ZERO : readTimeval(task.mm, from + 16);
  if (typeof interval === 'number') return interval;
  if (typeof first === 'number') return first;
  const before = timerBytes(task);
  task.process.realTimer.arm(toMilliseconds(first), toMilliseconds(interval));
  return to === 0 ? 0 : task.mm.write(to, before);
}

const ZERO: Timespec = { seconds: 0, nanoseconds: 0 };

function sysTimes(task: Task, args: Registers): number {
  const bytes = Buffer.alloc(32);
  putLong(bytes, 0, Math.floor((task.cpuTime / 1000) * USER_HZ));
  const address = args.argument(0);
  if (address !== 0 && task.mm.write(address, bytes) !== 0) return -Errno.EFAULT;
  return Math.floor((toMilliseconds(monotonic()) / 1000) * USER_HZ);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 35,
    name: 'nanosleep',
    handler: sysNanosleep,
    args: ['timespec', 'pointer'],
    support: 'full',
  },
  {
    number: 36,
    name: 'getitimer',
    handler: sysGetitimer,
    args: ['int', 'pointer'],
    support: 'full',
  },
  { number: 37, name: 'alarm', handler: sysAlarm, args: ['uint'], support: 'full' },
  {
    number: 38,
    name: 'setitimer',
    handler: sysSetitimer,
    args: ['int', 'pointer', 'pointer'],
    support: 'partial',
    missing: 'ITIMER_VIRTUAL, ITIMER_PROF',
  },
  {
    number: 96,
    name: 'gettimeofday',
    handler: sysGettimeofday,
    args: ['pointer', 'pointer'],
    support: 'full',
  },
  {
    number: 100,
    name: 'times',
    handler: sysTimes,
    args: ['pointer'],
    support: 'partial',
    missing: 'system time apart from user time',
  },
  { number: 201, name: 'time', handler: sysTime, args: ['pointer'], support: 'full' },
  {
    number: 228,
    name: 'clock_gettime',
    handler: sysClockGettime,
    args: ['clock', 'timespec-out'],
    support: 'full',
  },
  {
    number: 229,
    name: 'clock_getres',
    handler: sysClockGetres,
    args: ['clock', 'timespec-out'],
    support: 'full',
  },
  {
    number: 230,
    name: 'clock_nanosleep',
    handler: sysClockNanosleep,
    args: ['clock', 'hex', 'timespec', 'pointer'],
    support: 'full',
  },
];

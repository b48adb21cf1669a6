/** Clocks, and sleeping. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import {
  ClockId,
  fromMilliseconds,
  monotonic,
  realtimeMilliseconds,
  toMilliseconds,
} from '../time/clock.js';
import { IntervalTimer } from '../time/interval-timer.js';
import { readClock, timerClock } from '../time/task-clock.js';
import { after } from '../time/timeout.js';
import type { TimerClock } from '../time/timer-clock.js';
import {
  millisecondsUntil,
  putLong,
  putTimeval,
  readTimespec,
  writeTimespec,
} from '../time/timespec.js';
import type { Task } from '../task/task.js';
import type { SyscallResult, SyscallRow } from './row.js';

const TIMER_ABSTIME = 1;
const COARSE_NANOSECONDS = 4_000_000;
const USER_HZ = 100;

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
  if (clock === ClockId.ThreadCpu) return -Errno.EINVAL;
  const counts = timerClock(task, clock);
  if (typeof counts === 'number') return counts;
  const time = readTimespec(task.mm, args.argument(2));
  if (typeof time === 'number') return time;
  const isAbsolute = (args.argumentUint(1) & TIMER_ABSTIME) !== 0;
  if (clock < 0 || clock === ClockId.ProcessCpu) {
    const due = toMilliseconds(time) + (isAbsolute ? 0 : counts.now());
    return sleepByCpuTime(task, counts, due, isAbsolute ? 0 : args.argument(3));
  }
  return isAbsolute
    ? sleep(task, millisecondsUntil(clock, time), 0)
    : sleep(task, toMilliseconds(time), args.argument(3));
}

/** Cut short by a signal, tells at `remainder` (unless 0) how much was left. */
async function sleep(task: Task, milliseconds: number, remainder: number): Promise<number> {
  return milliseconds <= 0 ? 0 : sleepUntil(task, performance.now() + milliseconds, remainder);
}

async function sleepUntil(task: Task, due: number, remainder: number): Promise<number> {
  const milliseconds = due - performance.now();
  let stop = (): void => undefined;
  const over = new Promise<number>((resolve) => {
    stop = after(milliseconds, () => {
      resolve(0);
    });
  });
  const result = await task.block(over, stop);
  if (result === 0) return result;
  task.resume = () => sleepUntil(task, due, remainder);
  if (remainder === 0) return result;
  const left = fromMilliseconds(Math.max(due - performance.now(), 0));
  return writeTimespec(task.mm, remainder, left) === 0 ? result : -Errno.EFAULT;
}

/** The same, until so much CPU time has been used. */
async function sleepByCpuTime(
  task: Task,
  clock: TimerClock,
  due: number,
  remainder: number,
): Promise<number> {
  if (clock.now() >= due) return 0;
  const { timer, over } = cpuAlarm(clock);
  timer.armAt(due, 0);
  const result = await task.block(over, () => {
    timer.disarm();
  });
  if (result === 0) return 0;
  task.resume = () => sleepByCpuTime(task, clock, due, remainder);
  if (remainder === 0) return result;
  const left = fromMilliseconds(Math.max(due - clock.now(), 0));
  return writeTimespec(task.mm, remainder, left) === 0 ? result : -Errno.EFAULT;
}

function cpuAlarm(clock: TimerClock): { timer: IntervalTimer; over: Promise<number> } {
  let ring = (): void => undefined;
  const over = new Promise<number>((resolve) => {
    ring = () => {
      resolve(0);
    };
  });
  const timer = new IntervalTimer(() => {
    ring();
  }, clock);
  return { timer, over };
}

function sysTimes(task: Task, args: Registers): number {
  const bytes = Buffer.alloc(32);
  const { cpuTime, childCpuTime } = task.process;
  putLong(bytes, 0, Math.floor((cpuTime / 1000) * USER_HZ));
  putLong(bytes, 16, Math.floor((childCpuTime / 1000) * USER_HZ));
  const address = args.argument(0);
  if (address !== 0 && task.mm.write(address, bytes) !== 0) return -Errno.EFAULT;
  return Math.floor((toMilliseconds(monotonic()) / 1000) * USER_HZ);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 35,
    name: 'nanosleep',
    handler: sysNanosleep,
    args: ['timespec', 'remaining-out'],
    support: 'full',
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
    args: ['clock', 'timer-flags', 'timespec', 'remaining-out'],
    support: 'full',
  },
];

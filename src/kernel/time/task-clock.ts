/** The clocks of clock_gettime(2) as a task sees them, those over CPU time among them. */
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import {
  ClockId,
  fromMilliseconds,
  monotonic,
  realtimeMilliseconds,
  type Timespec,
} from './clock.js';
import { processCpuClock } from './process-timers.js';
import { cpuClock, monotonicClock, realtimeClock, type TimerClock } from './timer-clock.js';

/** The low bits of a clock number of clock_getcpuclockid(3): a thread's, and no CPU clock at all. */
const PER_THREAD = 4;
const NO_CPU_CLOCK = 3;

/** The time on a clock, or -EINVAL where there is no such clock. */
export function readClock(task: Task, clock: number): Timespec | number {
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
    default: {
      const cpu = cpuClockOf(task, clock);
      return typeof cpu === 'number' ? cpu : fromMilliseconds(cpu.now());
    }
  }
}

/** The clock that a timer or a sleep counts on; -EINVAL, -EOPNOTSUPP. */
export function timerClock(task: Task, clock: number): TimerClock | number {
  switch (clock) {
    case ClockId.Realtime:
    case ClockId.RealtimeAlarm:
    case ClockId.Tai:
      return realtimeClock;
    case ClockId.Monotonic:
    case ClockId.Boottime:
    case ClockId.BoottimeAlarm:
      return monotonicClock;
    case ClockId.MonotonicRaw:
    case ClockId.RealtimeCoarse:
    case ClockId.MonotonicCoarse:
      return -Errno.EOPNOTSUPP;
    default:
      return cpuClockOf(task, clock);
  }
}

/** Clocks over CPU time. Others than one's own are the complement of an id above three bits of kind. */
function cpuClockOf(task: Task, clock: number): TimerClock | number {
  if (clock === ClockId.ProcessCpu) return processCpuClock(task.process);
  if (clock === ClockId.ThreadCpu) return threadCpuClock(task);
  if (clock >= 0 || (clock & NO_CPU_CLOCK) === NO_CPU_CLOCK) return -Errno.EINVAL;
  const id = ~(clock >> 3);
  if ((clock & PER_THREAD) !== 0) {
    const thread = id === 0 ? task : task.kernel.tasks.get(id);
    return thread?.process === task.process ? threadCpuClock(thread) : -Errno.EINVAL;
  }
  const process = id === 0 ? task.process : task.kernel.processes.get(id);
  return process === undefined ? -Errno.EINVAL : processCpuClock(process);
}

function threadCpuClock(thread: Task): TimerClock {
  return cpuClock(
    () => thread.cpuTime,
    () => 1,
  );
}

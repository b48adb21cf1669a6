/** futex(2), between the threads of one process. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import { millisecondsUntil, readTimespec } from '../time/timespec.js';
import { after } from '../time/timeout.js';
import { ClockId, toMilliseconds } from '../time/clock.js';
import type { SyscallResult, SyscallRow } from './row.js';

const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_REQUEUE = 3;
const FUTEX_CMP_REQUEUE = 4;
const FUTEX_WAIT_BITSET = 9;
const FUTEX_WAKE_BITSET = 10;
const FUTEX_PRIVATE_FLAG = 128;
const FUTEX_CLOCK_REALTIME = 256;
const ANY = 0xffffffff;

function sysFutex(task: Task, args: Registers): SyscallResult {
  const address = args.argument(0);
  const operation = args.argumentUint(1);
  const command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const realtime = (operation & FUTEX_CLOCK_REALTIME) !== 0;
  if (realtime && command !== FUTEX_WAIT && command !== FUTEX_WAIT_BITSET) return -Errno.ENOSYS;
  if (address % 4 !== 0) return -Errno.EINVAL;
  if (address >= task.mm.layout.top) return -Errno.EFAULT;
  const value = args.argumentUint(2);
  switch (command) {
    case FUTEX_WAIT:
      return wait(task, args, address, value, ANY, undefined);
    case FUTEX_WAIT_BITSET: {
      const clock = realtime ? ClockId.Realtime : ClockId.Monotonic;
      return wait(task, args, address, value, args.argumentUint(5), clock);
    }
    case FUTEX_WAKE:
      return task.process.futexes.wake(address, value, ANY);
    case FUTEX_WAKE_BITSET: {
      const bitset = args.argumentUint(5);
      return bitset === 0 ? -Errno.EINVAL : task.process.futexes.wake(address, value, bitset);
    }
    case FUTEX_REQUEUE:
      return requeue(task, args, address, value);
    case FUTEX_CMP_REQUEUE: {
      const current = readWord(task, address);
      if (current === undefined) return -Errno.EFAULT;
      return current === args.argumentUint(5) ? requeue(task, args, address, value) : -Errno.EAGAIN;
    }
    default:
      return -Errno.ENOSYS;
  }
}

function readWord(task: Task, address: number): number | undefined {
  const word = new Uint32Array(1);
  return task.mm.read(address, new Uint8Array(word.buffer)) ? word[0] : undefined;
}

function requeue(task: Task, args: Registers, address: number, count: number): number {
  const most = args.argumentInt(3);
  const target = args.argument(4);
  if (most < 0 || (count | 0) < 0 || target % 4 !== 0) return -Errno.EINVAL;
  const woken = task.process.futexes.wake(address, count, ANY);
  return woken + task.process.futexes.requeue(address, target, most);
}

/** With a clock the timeout is a point in time, without one a duration. */
function wait(
  task: Task,
  args: Registers,
  address: number,
  expected: number,
  bitset: number,
  clock: number | undefined,
): SyscallResult {
  if (bitset === 0) return -Errno.EINVAL;
  const timeout = readTimeout(task, args.argument(3), clock);
  if (timeout < 0) return timeout;
  const current = readWord(task, address);
  if (current === undefined) return -Errno.EFAULT;
  if (current !== expected) return -Errno.EAGAIN;
  return sleep(task, address, bitset, timeout);
}

/** Milliseconds from now, `Infinity` for no timeout, or -errno. */
function readTimeout(task: Task, address: number, clock: number | undefined): number {
  if (address === 0) return Infinity;
  const time = readTimespec(task.mm, address);
  if (typeof time === 'number') return time;
  return clock === undefined ? toMilliseconds(time) : Math.max(millisecondsUntil(clock, time), 0);
}

async function sleep(
  task: Task,
  address: number,
  bitset: number,
  timeout: number,
): Promise<number> {
  const { woken, cancel } = task.process.futexes.wait(address, bitset);
  if (timeout === Infinity) return task.block(woken, cancel);
  let stop = (): void => undefined;
  const late = new Promise<number>((resolve) => {
    stop = after(timeout, () => {
      cancel();
      resolve(-Errno.ETIMEDOUT);
    });
  });
  const result = await task.block(Promise.race([woken, late]), cancel);
  stop();
  return result;
}

/** sizeof(struct robust_list_head) */
const ROBUST_LIST_SIZE = 24;

function sysSetRobustList(task: Task, args: Registers): number {
  if (args.argumentBig(1) !== BigInt(ROBUST_LIST_SIZE)) return -Errno.EINVAL;
  task.robustList = args.argument(0);
  return 0;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 202,
    name: 'futex',
    handler: sysFutex,
    args: ['pointer', 'hex', 'uint', 'hex', 'pointer', 'hex'],
    support: 'partial',
    missing: 'priority inheritance, FUTEX_WAKE_OP; words shared between processes',
  },
  {
    number: 273,
    name: 'set_robust_list',
    handler: sysSetRobustList,
    args: ['pointer', 'size'],
    support: 'partial',
    missing: 'the list is kept, but not walked at exit: no lock outlives the only thread',
  },
];

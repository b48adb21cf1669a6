/** futex_waitv(2): waiting for the first of many words. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { readWord } from '../abi/word.js';
import { blockFor } from '../task/futex-wait.js';
import { futexQueue, readFutexWord } from '../task/futex-word.js';
import type { Task } from '../task/task.js';
import { ClockId } from '../time/clock.js';
import { millisecondsUntil, readTimespec } from '../time/timespec.js';
import type { SyscallResult, SyscallRow } from './row.js';

const FUTEX_WAITV_MAX = 128;
const FUTEX2_PRIVATE = 128;
/** The only size that Linux has of those that the flags can say. */
const FUTEX2_SIZE_U32 = 2;
/** sizeof(struct futex_waitv) */
const ENTRY_SIZE = 24;
const ANY = 0xffffffff;

interface Word {
  readonly value: number;
  readonly address: number;
  readonly isPrivate: boolean;
}

function sysFutexWaitv(task: Task, args: Registers): SyscallResult {
  const [address, count] = [args.argument(0), args.argumentUint(1)];
  if (args.argumentUint(2) !== 0 || address === 0) return -Errno.EINVAL;
  if (count === 0 || count > FUTEX_WAITV_MAX) return -Errno.EINVAL;
  const timeout = timeoutOf(task, args.argument(3), args.argumentInt(4));
  if (timeout < 0) return timeout;
  const words = readWords(task, address, count);
  if (typeof words === 'number') return words;
  const bad = words.find((word) => word.address % 4 !== 0);
  if (bad !== undefined) return -Errno.EINVAL;
  if (words.some((word) => word.address >= task.mm.layout.top)) return -Errno.EFAULT;
  for (const word of words) {
    const current = readFutexWord(task.mm, word.address);
    if (current === undefined) return -Errno.EFAULT;
    if (current !== word.value) return -Errno.EAGAIN;
  }
  return waitForAny(task, words, timeout);
}

/** The index of a word that it was woken for. */
async function waitForAny(task: Task, words: readonly Word[], timeout: number): Promise<number> {
  const waits = words.map((word) => futexQueue(task.mm, word.address, word.isPrivate).wait(ANY));
  const cancel = (): void => {
    for (const wait of waits) wait.cancel();
  };
  const result = await blockFor(
    task,
    timeout,
    Promise.race(waits.map((wait) => wait.woken)),
    cancel,
  );
  cancel();
  const last = waits.findLastIndex((wait) => wait.wasWoken());
  return last >= 0 ? last : result;
}

function readWords(task: Task, address: number, count: number): Word[] | number {
  const bytes = Buffer.alloc(ENTRY_SIZE);
  const words: Word[] = [];
  for (let index = 0; index < count; index++) {
    if (!task.mm.read(address + index * ENTRY_SIZE, bytes)) return -Errno.EFAULT;
    const flags = bytes.readUInt32LE(16);
    const isReserved = bytes.readUInt32LE(20) !== 0;
    if (isReserved || (flags & ~FUTEX2_PRIVATE) !== FUTEX2_SIZE_U32) return -Errno.EINVAL;
    const value = readWord(bytes, 0);
    if (value > ANY) return -Errno.EINVAL;
    const isPrivate = (flags & FUTEX2_PRIVATE) !== 0;
    words.push({ value, address: readWord(bytes, 8), isPrivate });
  }
  return words;
}

/** Milliseconds from now, `Infinity` for no timeout, or -errno. */
function timeoutOf(task: Task, address: number, clock: number): number {
  if (address === 0) return Infinity;
  if (clock !== ClockId.Realtime && clock !== ClockId.Monotonic) return -Errno.EINVAL;
  const time = readTimespec(task.mm, address);
  return typeof time === 'number' ? time : Math.max(millisecondsUntil(clock, time), 0);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 449,
    name: 'futex_waitv',
    handler: sysFutexWaitv,
    args: ['pointer', 'uint', 'hex', 'pointer', 'int'],
    support: 'full',
  },
];

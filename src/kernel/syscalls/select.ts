/** Waiting for several files by sets of descriptors: select(2), pselect6(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { SELECT_EXCEPT, SELECT_READ, SELECT_WRITE } from '../abi/poll.js';
import type { Task } from '../task/task.js';
import { putTimeval, readTimeval } from '../time/timespec.js';
import { readUnsigned } from './file-transfer.js';
import {
  applyMask,
  deadlineOf,
  endPoll,
  Interests,
  Readiness,
  waitForAny,
  writeRemaining,
} from './poll-wait.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** Descriptors that a set can hold: more than any table has. */
const MAX_SET = 1048576;
const EVENTS = [SELECT_READ, SELECT_WRITE, SELECT_EXCEPT] as const;

interface Sets {
  readonly addresses: readonly number[];
  /** The sets asked about; empty ones for null pointers. */
  readonly wanted: readonly Buffer[];
  /** The sets that hold. */
  readonly ready: readonly Buffer[];
  readonly count: number;
}

function readSets(task: Task, args: Registers): Sets | number {
  const given = args.argumentInt(0);
  if (given < 0) {
    return -Errno.EINVAL;
  }
  const count = Math.min(given, MAX_SET);
  // Sets are made of longs.
  const size = Math.ceil(count / 64) * 8;
  const addresses = [args.argument(1), args.argument(2), args.argument(3)];
  const wanted: Buffer[] = [];
  for (const address of addresses) {
    const set = Buffer.alloc(address === 0 ? 0 : size);
    if (task.mm.copyIn(address, set) < set.length) {
      return -Errno.EFAULT;
    }
    wanted.push(set);
  }
  return { addresses, wanted, ready: wanted.map((set) => Buffer.alloc(set.length)), count };
}

/** Descriptors in a set. */
function* members(set: Buffer, count: number): Generator<number> {
  for (let at = 0; at < set.length; at++) {
    const byte = set[at] ?? 0;
    for (let bit = 0; byte >> bit > 0; bit++) {
      if (byte & (1 << bit) && at * 8 + bit < count) {
        yield at * 8 + bit;
      }
    }
  }
}

/** Number of descriptors that are ready, over all sets; -EBADF for one that is not open. */
function evaluate(task: Task, { wanted, ready, count }: Sets): number {
  let total = 0;
  const readiness = new Readiness(task);
  for (const [kind, set] of wanted.entries()) {
    ready[kind]?.fill(0);
    for (const fd of members(set, count)) {
      const file = task.files.get(fd);
      if (file === undefined) {
        return -Errno.EBADF;
      }
      if (readiness.of(file) & (EVENTS[kind] ?? 0)) {
        const out = ready[kind];
        out?.writeUInt8(out.readUInt8(fd >> 3) | (1 << (fd & 7)), fd >> 3);
        total++;
      }
    }
  }
  return total;
}

function interestsOf(task: Task, { wanted, count }: Sets): Interests {
  const interests = new Interests();
  for (const [kind, set] of wanted.entries()) {
    for (const fd of members(set, count)) {
      const file = task.files.get(fd);
      if (file !== undefined) {
        interests.add(file, EVENTS[kind] ?? 0);
      }
    }
  }
  return interests;
}

function give(task: Task, { addresses, ready }: Sets, result: number): number {
  if (result < 0) {
    return result;
  }
  for (const [kind, set] of ready.entries()) {
    if (task.mm.copyOut(addresses[kind] ?? 0, set) < set.length) {
      return -Errno.EFAULT;
    }
  }
  return result;
}

function select(task: Task, args: Registers, milliseconds: number): SyscallResult {
  const sets = readSets(task, args);
  if (typeof sets === 'number') {
    return sets;
  }
  const now = evaluate(task, sets);
  if (now !== 0 || milliseconds === 0) {
    return give(task, sets, now);
  }
  const later = waitForAny(task, interestsOf(task, sets), milliseconds, () => evaluate(task, sets));
  return later.then((result) => give(task, sets, result));
}

/** Runs `call`, then tells the time left. */
function timed(
  begin: number,
  milliseconds: number,
  result: SyscallResult,
  tell: (left: number) => void,
): SyscallResult {
  const finish = (value: number): number => {
    tell(Math.max(0, milliseconds - (performance.now() - begin)));
    return value;
  };
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

function sysSelect(task: Task, args: Registers): SyscallResult {
  const address = args.argument(4);
  if (address === 0) {
    return select(task, args, Infinity);
  }
  const time = readTimeval(task.mm, address);
  if (typeof time === 'number') {
    return time;
  }
  const milliseconds = time.seconds * 1000 + time.nanoseconds / 1e6;
  const begin = performance.now();
  return timed(begin, milliseconds, select(task, args, milliseconds), (left) => {
    const bytes = Buffer.alloc(16);
    putTimeval(bytes, 0, left);
    task.mm.copyOut(address, bytes);
  });
}

const MASK_ARGUMENT_SIZE = 16;

function sysPselect6(task: Task, args: Registers): SyscallResult {
  const address = args.argument(4);
  const milliseconds = deadlineOf(task, address);
  if (milliseconds < 0) {
    return milliseconds;
  }
  const maskArgument = args.argument(5);
  if (maskArgument !== 0) {
    const bytes = Buffer.alloc(MASK_ARGUMENT_SIZE);
    if (task.mm.copyIn(maskArgument, bytes) < MASK_ARGUMENT_SIZE) {
      return -Errno.EFAULT;
    }
    const error = applyMask(task, readUnsigned(bytes, 0), readUnsigned(bytes, 8));
    if (error < 0) {
      return error;
    }
  }
  const begin = performance.now();
  const result = timed(begin, milliseconds, select(task, args, milliseconds), (left) => {
    writeRemaining(task, address, left);
  });
  return typeof result === 'number'
    ? endPoll(task, result)
    : result.then((ready) => endPoll(task, ready));
}

const SET_ARGS = ['int', 'descriptor-set', 'descriptor-set', 'descriptor-set'] as const;

export const rows: readonly SyscallRow[] = [
  {
    number: 23,
    name: 'select',
    handler: sysSelect,
    args: [...SET_ARGS, 'timeval'],
    result: 'select',
    support: 'full',
  },
  {
    number: 270,
    name: 'pselect6',
    handler: sysPselect6,
    args: [...SET_ARGS, 'timespec', 'mask-pair'],
    result: 'pselect',
    support: 'full',
  },
];

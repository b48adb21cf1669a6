/** Waiting for several files: poll(2), ppoll(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { Poll, POLLFD_SIZE } from '../abi/poll.js';
import type { Task } from '../task/task.js';
import { descriptorLimit } from './file-descriptor-argument.js';
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

/** Told of whatever was asked for. */
const ALWAYS = Poll.ERR | Poll.HUP | Poll.NVAL;

/** Fills the `revents`; gives how many are not 0. */
function evaluate(task: Task, table: Buffer): number {
  let ready = 0;
  const readiness = new Readiness(task);
  for (let at = 0; at < table.length; at += POLLFD_SIZE) {
    const fd = table.readInt32LE(at);
    const wanted = table.readInt16LE(at + 4) | ALWAYS;
    const file = fd < 0 ? undefined : task.files.get(fd);
    const holds = fd < 0 ? 0 : file === undefined ? Poll.NVAL : readiness.of(file) & wanted;
    table.writeInt16LE(holds, at + 6);
    ready += holds === 0 ? 0 : 1;
  }
  return ready;
}

function interestsOf(task: Task, table: Buffer): Interests {
  const interests = new Interests();
  for (let at = 0; at < table.length; at += POLLFD_SIZE) {
    const file = task.files.get(table.readInt32LE(at));
    if (file !== undefined) {
      interests.add(file, table.readInt16LE(at + 4) | ALWAYS);
    }
  }
  return interests;
}

function poll(task: Task, address: number, count: number, milliseconds: number): SyscallResult {
  if (count > descriptorLimit(task)) {
    return -Errno.EINVAL;
  }
  const table = Buffer.alloc(count * POLLFD_SIZE);
  if (task.mm.copyIn(address, table) < table.length) {
    return -Errno.EFAULT;
  }
  const ready = evaluate(task, table);
  if (ready > 0 || milliseconds === 0) {
    return give(task, address, table, ready);
  }
  return pollLater(task, address, table, milliseconds);
}

async function pollLater(
  task: Task,
  address: number,
  table: Buffer,
  milliseconds: number,
): Promise<number> {
  const interests = interestsOf(task, table);
  const ready = await waitForAny(task, interests, milliseconds, () => evaluate(task, table));
  return ready < 0 ? ready : give(task, address, table, ready);
}

function give(task: Task, address: number, table: Buffer, ready: number): number {
  return task.mm.copyOut(address, table) < table.length ? -Errno.EFAULT : ready;
}

function sysPoll(task: Task, args: Registers): SyscallResult {
  const timeout = args.argumentInt(2);
  if (timeout < 0) return poll(task, args.argument(0), args.argumentUint(1), Infinity);
  return pollUntil(task, args.argument(0), args.argumentUint(1), performance.now() + timeout);
}

/** Cut short and begun again it ends when it would have ended. */
function pollUntil(task: Task, address: number, count: number, due: number): SyscallResult {
  const result = poll(task, address, count, Math.max(due - performance.now(), 0));
  if (typeof result === 'number') return result;
  return result.then((ready) => {
    if (ready === -Errno.EINTR) task.resume = () => pollUntil(task, address, count, due);
    return ready;
  });
}

function sysPpoll(task: Task, args: Registers): SyscallResult {
  const timeout = args.argument(2);
  const milliseconds = deadlineOf(task, timeout);
  if (milliseconds < 0) {
    return milliseconds;
  }
  const masked = applyMask(task, args.argument(3), args.argument(4));
  if (masked < 0) {
    return masked;
  }
  const begin = performance.now();
  const result = poll(task, args.argument(0), args.argumentUint(1), milliseconds);
  const finish = (ready: number): number => {
    writeRemaining(task, timeout, milliseconds - (performance.now() - begin));
    return endPoll(task, ready);
  };
  return typeof result === 'number' ? finish(result) : result.then(finish);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 7,
    name: 'poll',
    handler: sysPoll,
    args: ['poll-list', 'uint', 'int'],
    result: 'poll',
    support: 'full',
  },
  {
    number: 271,
    name: 'ppoll',
    handler: sysPpoll,
    args: ['poll-list', 'uint', 'timespec', 'signal-set', 'size'],
    result: 'ppoll',
    support: 'full',
  },
];

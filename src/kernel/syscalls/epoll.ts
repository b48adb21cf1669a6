/** Waiting for many descriptors: epoll_create(2), epoll_ctl(2), epoll_wait(2) and their kin. */
import type { Registers } from '../../platform/registers.js';
import { Epoll, EPOLL_EVENT_SIZE, EpollOperation } from '../abi/epoll.js';
import { Errno } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { Poll } from '../abi/poll.js';
import { EpollFile } from '../fs/event/epoll-file.js';
import type { EpollEvent } from '../fs/event/epoll-item.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import type { OpenFile } from '../fs/open-file.js';
import type { Task } from '../task/task.js';
import { giveDescriptor, usableFile } from './file-descriptor-argument.js';
import { applyMask, deadlineOf, Interests, restoreMask, waitForAny } from './poll-wait.js';
import type { SyscallResult, SyscallRow } from './row.js';

const INT_MAX = 0x7fffffff;
const MAX_EVENTS = Math.floor(INT_MAX / EPOLL_EVENT_SIZE);
/** What may be asked for together with EPOLLEXCLUSIVE. */
const EXCLUSIVE_OK =
  Poll.IN | Poll.OUT | Poll.ERR | Poll.HUP | Epoll.WAKEUP | Epoll.ET | Epoll.EXCLUSIVE;

function create(task: Task, closeOnExec: boolean): number {
  return giveDescriptor(task, new EpollFile(KernelMemory.of(task.kernel.memory)), closeOnExec);
}

function sysEpollCreate(task: Task, args: Registers): number {
  return args.argumentInt(0) <= 0 ? -Errno.EINVAL : create(task, false);
}

function sysEpollCreate1(task: Task, args: Registers): number {
  const flags = args.argumentInt(0);
  return flags & ~O.CLOEXEC ? -Errno.EINVAL : create(task, flags !== 0);
}

const NO_EVENT: EpollEvent = { events: 0, low: 0, high: 0 };

function readEvent(task: Task, address: number): EpollEvent | undefined {
  const bytes = Buffer.alloc(EPOLL_EVENT_SIZE);
  return task.mm.read(address, bytes)
    ? { events: bytes.readInt32LE(0), low: bytes.readUInt32LE(4), high: bytes.readUInt32LE(8) }
    : undefined;
}

function sysEpollCtl(task: Task, args: Registers): number {
  const [operation, fd] = [args.argumentInt(1), args.argumentInt(2)];
  const event = operation === EpollOperation.DEL ? NO_EVENT : readEvent(task, args.argument(3));
  if (event === undefined) {
    return -Errno.EFAULT;
  }
  const set = usableFile(task, args.argumentInt(0));
  const file = usableFile(task, fd);
  if (set === undefined || file === undefined) {
    return -Errno.EBADF;
  }
  if (!file.canPoll) {
    return -Errno.EPERM;
  }
  if (set === file || !(set instanceof EpollFile) || !mayBeExclusive(operation, event, file)) {
    return -Errno.EINVAL;
  }
  switch (operation) {
    case EpollOperation.ADD:
      return set.add(fd, file, event, task);
    case EpollOperation.MOD:
      return set.modify(fd, file, event, task);
    case EpollOperation.DEL:
      return set.remove(fd, file);
    default:
      return -Errno.EINVAL;
  }
}

function mayBeExclusive(operation: number, event: EpollEvent, file: OpenFile): boolean {
  if ((event.events & Epoll.EXCLUSIVE) === 0) {
    return true;
  }
  const simple = (event.events & ~EXCLUSIVE_OK) === 0 && !(file instanceof EpollFile);
  return operation === EpollOperation.ADD && simple;
}

function wait(task: Task, args: Registers, milliseconds: number): SyscallResult {
  const set = usableFile(task, args.argumentInt(0));
  if (set === undefined) {
    return -Errno.EBADF;
  }
  const address = args.argument(1);
  const max = args.argumentInt(2);
  if (max <= 0 || max > MAX_EVENTS) {
    return -Errno.EINVAL;
  }
  if (address + max * EPOLL_EVENT_SIZE > task.mm.layout.top) {
    return -Errno.EFAULT;
  }
  if (!(set instanceof EpollFile)) {
    return -Errno.EINVAL;
  }
  const deliver = (): number => collect(task, set, address, max);
  const ready = deliver();
  if (ready !== 0 || milliseconds === 0) {
    return ready;
  }
  const interests = new Interests();
  interests.add(set, Poll.IN);
  return waitForAny(task, interests, milliseconds, deliver).then((ready) => {
    if (ready === -Errno.EINTR) task.restarts = 'never';
    return ready;
  });
}

/** Events written to `address`; -EFAULT where not one could be. */
function collect(task: Task, set: EpollFile, address: number, max: number): number {
  return set.collect(max, task, (events) =>
    Math.floor(task.mm.copyOut(address, events) / EPOLL_EVENT_SIZE),
  );
}

function sysEpollWait(task: Task, args: Registers): SyscallResult {
  return wait(task, args, timeoutOf(args));
}

function timeoutOf(args: Registers): number {
  const timeout = args.argumentInt(3);
  return timeout < 0 ? Infinity : timeout;
}

function waitMasked(task: Task, args: Registers, milliseconds: number): SyscallResult {
  const masked = applyMask(task, args.argument(4), args.argument(5));
  if (masked < 0) {
    return masked;
  }
  const result = wait(task, args, milliseconds);
  if (typeof result === 'number') {
    return restoreMask(task, result);
  }
  return result.then((ready) => restoreMask(task, ready));
}

function sysEpollPwait(task: Task, args: Registers): SyscallResult {
  return waitMasked(task, args, timeoutOf(args));
}

function sysEpollPwait2(task: Task, args: Registers): SyscallResult {
  const milliseconds = deadlineOf(task, args.argument(3));
  return milliseconds < 0 ? milliseconds : waitMasked(task, args, milliseconds);
}

export const rows: readonly SyscallRow[] = [
  { number: 213, name: 'epoll_create', handler: sysEpollCreate, args: ['int'], support: 'full' },
  {
    number: 291,
    name: 'epoll_create1',
    handler: sysEpollCreate1,
    args: ['epoll-create-flags'],
    support: 'full',
  },
  {
    number: 233,
    name: 'epoll_ctl',
    handler: sysEpollCtl,
    args: ['fd', 'epoll-operation', 'fd', 'epoll-event'],
    support: 'full',
  },
  {
    number: 232,
    name: 'epoll_wait',
    handler: sysEpollWait,
    args: ['fd', 'epoll-events-out', 'int', 'int'],
    support: 'full',
  },
  {
    number: 281,
    name: 'epoll_pwait',
    handler: sysEpollPwait,
    args: ['fd', 'epoll-events-out', 'int', 'int', 'signal-set', 'size'],
    support: 'full',
  },
  {
    number: 441,
    name: 'epoll_pwait2',
    handler: sysEpollPwait2,
    args: ['fd', 'epoll-events-out', 'int', 'timespec', 'signal-set', 'size'],
    support: 'full',
  },
];

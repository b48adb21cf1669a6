/** System V semaphores: semget(2), semop(2), semctl(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import { IPC_NOWAIT, IpcTable, READ, WRITE, mayUse } from '../ipc/ipc-table.js';
import { SEMAPHORE_SIZE, SEMVMX, SemaphoreSet, type Operation } from '../ipc/semaphore-set.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../task/task.js';
import { toMilliseconds } from '../time/clock.js';
import { after } from '../time/timeout.js';
import { putLong, readTimespec } from '../time/timespec.js';
import type { SyscallResult, SyscallRow } from './row.js';

const SEM_UNDO = 0o10000;
const SEMMSL = 32000;
const SEMMNS = 1024000000;
const SEMOPM = 500;
const SEMBUF_SIZE = 6;
/** sizeof(struct semid_ds) */
const DS_SIZE = 104;

const Command = {
  RMID: 0,
  SET: 1,
  STAT: 2,
  INFO: 3,
  GETPID: 11,
  GETVAL: 12,
  GETALL: 13,
  GETNCNT: 14,
  GETZCNT: 15,
  SETVAL: 16,
  SETALL: 17,
  SEM_STAT: 18,
  SEM_INFO: 19,
  SEM_STAT_ANY: 20,
} as const;

const byKernel = new WeakMap<Kernel, IpcTable<SemaphoreSet>>();

function tableOf({ kernel }: Task): IpcTable<SemaphoreSet> {
  const table = byKernel.get(kernel) ?? new IpcTable(KernelMemory.of(kernel.memory));
  byKernel.set(kernel, table);
  return table;
}

function sysSemget(task: Task, args: Registers): number {
  const [key, count, flags] = [args.argumentInt(0), args.argumentInt(1), args.argumentUint(2)];
  const { credentials } = task;
  if (count < 0 || count > SEMMSL) return -Errno.EINVAL;
  const table = tableOf(task);
  const set = table.open(key, flags, credentials, count * SEMAPHORE_SIZE, (id) => {
    return new SemaphoreSet(id, key, flags, credentials, count);
  });
  if (typeof set === 'number') return set;
  if (set.count === 0) {
    table.remove(set, 0);
    return -Errno.EINVAL;
  }
  return count > set.count ? -Errno.EINVAL : set.id;
}

function sysSemop(task: Task, args: Registers): SyscallResult {
  return operate(task, args, Infinity);
}

function sysSemtimedop(task: Task, args: Registers): SyscallResult {
  const address = args.argument(3);
  if (address === 0) return operate(task, args, Infinity);
  const time = readTimespec(task.mm, address);
  return typeof time === 'number' ? time : operate(task, args, toMilliseconds(time));
}

function operate(task: Task, args: Registers, milliseconds: number): SyscallResult {
  const count = args.argumentUint(2);
  if (count === 0) return -Errno.EINVAL;
  if (count > SEMOPM) return -Errno.E2BIG;
  const bytes = Buffer.alloc(count * SEMBUF_SIZE);
  if (!task.mm.read(args.argument(1), bytes)) return -Errno.EFAULT;
  const set = tableOf(task).get(args.argumentInt(0));
  if (set === undefined) return -Errno.EINVAL;
  const operations = decode(bytes);
  if (operations.some(({ index }) => index >= set.count)) return -Errno.EFBIG;
  const alters = operations.some(({ change }) => change !== 0);
  if (!mayUse(set, alters ? WRITE : READ, task.credentials)) return -Errno.EACCES;
  const outcome = set.perform(operations, task.process);
  if (typeof outcome === 'number') return outcome;
  return wait(task, set, operations, outcome, milliseconds);
}

function decode(bytes: Buffer): Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at < bytes.length; at += SEMBUF_SIZE) {
    const flags = bytes.readUInt16LE(at + 4);
    operations.push({
      index: bytes.readUInt16LE(at),
      change: bytes.readInt16LE(at + 2),
      doesNotWait: (flags & IPC_NOWAIT) !== 0,
      undo: (flags & SEM_UNDO) !== 0,
    });
  }
  return operations;
}

async function wait(
  task: Task,
  set: SemaphoreSet,
  operations: readonly Operation[],
  first: Operation,
  milliseconds: number,
): Promise<number> {
  let blocking = first;
  const time = { isUp: false };
  let wake = (): void => undefined;
  const stop = after(milliseconds, () => {
    time.isUp = true;
    wake();
  });
  try {
    for (;;) {
      const { event, cancel } = set.changes.next();
      const late = new Promise<number>((resolve) => {
        wake = () => {
          resolve(0);
        };
      });
      set.waiting.add(blocking);
      const result = await task.block(Promise.race([event, late]), cancel);
      cancel();
      set.waiting.delete(blocking);
      if (set.isRemoved) return -Errno.EIDRM;
      const outcome = set.perform(operations, task.process);
      if (typeof outcome === 'number') return outcome;
      if (result < 0) {
        // Not begun again, whatever the handler's flags (signal(7)).
        task.restarts = 'never';
        return result;
      }
      if (time.isUp) return -Errno.EAGAIN;
      blocking = outcome;
    }
  } finally {
    stop();
  }
}

function sysSemctl(task: Task, args: Registers): number {
  const [id, index, command] = [args.argumentInt(0), args.argumentInt(1), args.argumentInt(2)];
  const address = args.argument(3);
  const table = tableOf(task);
  if (command === Command.INFO || command === Command.SEM_INFO) {
    return tellLimits(task, table, command === Command.SEM_INFO, address);
  }
  const byIndex = command === Command.SEM_STAT || command === Command.SEM_STAT_ANY;
  const set = byIndex ? table.all[id] : table.get(id);
  if (set === undefined) return -Errno.EINVAL;
  switch (command) {
    case Command.RMID:
    case Command.SET:
      return set.isOwnedBy(task.credentials)
        ? change(task, table, set, command, address)
        : -Errno.EPERM;
    case Command.SETVAL:
    case Command.SETALL:
      if (!mayUse(set, WRITE, task.credentials)) return -Errno.EACCES;
      return command === Command.SETALL
        ? setAll(task, set, address)
        : setOne(task, set, index, args.argumentInt(3));
  }
  const readsAnyway = command === Command.SEM_STAT_ANY;
  if (!readsAnyway && !mayUse(set, READ, task.credentials)) return -Errno.EACCES;
  return byIndex || command === Command.STAT || command === Command.GETALL
    ? tell(task, set, command, address)
    : tellOne(set, index, command);
}

function change(
  task: Task,
  table: IpcTable<SemaphoreSet>,
  set: SemaphoreSet,
  command: number,
  address: number,
): number {
  if (command === Command.RMID) {
    table.remove(set, set.count * SEMAPHORE_SIZE);
    return 0;
  }
  const bytes = Buffer.alloc(DS_SIZE);
  if (!task.mm.read(address, bytes)) return -Errno.EFAULT;
  set.changeOwner(bytes);
  return 0;
}

function setOne(task: Task, set: SemaphoreSet, index: number, value: number): number {
  if (index < 0 || index >= set.count) return -Errno.EINVAL;
  if (value < 0 || value > SEMVMX) return -Errno.ERANGE;
  set.set(index, [value], task.pid);
  return 0;
}

function setAll(task: Task, set: SemaphoreSet, address: number): number {
  const values = new Uint16Array(set.count);
  if (!task.mm.read(address, new Uint8Array(values.buffer))) return -Errno.EFAULT;
  if (values.some((value) => value > SEMVMX)) return -Errno.ERANGE;
  set.set(0, [...values], task.pid);
  return 0;
}

function tell(task: Task, set: SemaphoreSet, command: number, address: number): number {
  if (command === Command.GETALL) {
    const values = Uint16Array.from(set.values);
    return task.mm.write(address, new Uint8Array(values.buffer));
  }
  const bytes = Buffer.alloc(DS_SIZE);
  set.encodeOwner(bytes);
  putLong(bytes, 48, set.operationTime);
  putLong(bytes, 64, set.changeTime);
  putLong(bytes, 80, set.count);
  if (task.mm.write(address, bytes) !== 0) return -Errno.EFAULT;
  return command === Command.STAT ? 0 : set.id;
}

function tellOne(set: SemaphoreSet, index: number, command: number): number {
  if (index < 0 || index >= set.count) return -Errno.EINVAL;
  const waiting = [...set.waiting].filter((operation) => operation.index === index);
  switch (command) {
    case Command.GETVAL:
      return set.values[index] as number;
    case Command.GETPID:
      return set.pids[index] as number;
    case Command.GETNCNT:
      return waiting.filter((operation) => operation.change < 0).length;
    case Command.GETZCNT:
      return waiting.filter((operation) => operation.change === 0).length;
    default:
      return -Errno.EINVAL;
  }
}

/** `struct seminfo`, with what is in use in two of its fields for SEM_INFO. */
function tellLimits(
  task: Task,
  table: IpcTable<SemaphoreSet>,
  usage: boolean,
  address: number,
): number {
  const sets = table.all;
  const semaphores = sets.reduce((sum, { count }) => sum + count, 0);
  const fields = [SEMMNS, SEMMSL, SEMMNS, SEMMNS, SEMMSL, SEMOPM, SEMOPM];
  fields.push(usage ? sets.length : 20, SEMVMX, usage ? semaphores : SEMVMX);
  const bytes = new Uint8Array(Int32Array.from(fields).buffer);
  return task.mm.write(address, bytes) === 0 ? table.lastIndex : -Errno.EFAULT;
}

export const rows: readonly SyscallRow[] = [
  { number: 64, name: 'semget', handler: sysSemget, args: ['int', 'int', 'hex'], support: 'full' },
  {
    number: 65,
    name: 'semop',
    handler: sysSemop,
    args: ['int', 'pointer', 'uint'],
    support: 'full',
  },
  {
    number: 66,
    name: 'semctl',
    handler: sysSemctl,
    args: ['int', 'int', 'int', 'hex'],
    support: 'full',
  },
  {
    number: 220,
    name: 'semtimedop',
    handler: sysSemtimedop,
    args: ['int', 'pointer', 'uint', 'timespec'],
    support: 'full',
  },
];

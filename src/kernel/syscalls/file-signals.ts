/** Signal-driven I/O: O_ASYNC, and the commands of fcntl(2) that say who is told, and by which signal. */
import { Errno } from '../abi/errno.js';
import { Fcntl, O } from '../abi/fcntl.js';
import { SIGNAL_COUNT } from '../abi/signal.js';
import { IoSignals, OwnerType } from '../fs/io-signals.js';
import type { OpenFile } from '../fs/open-file.js';
import { membersOf } from '../task/process-group.js';
import type { Task } from '../task/task.js';

/** struct f_owner_ex */
const OWNER_SIZE = 8;
const INT_MIN = -(2 ** 31);

/** F_SETFL. O_ASYNC stays off where no signal would ever be sent. */
export function setStatusFlags(task: Task, fd: number, file: OpenFile, flags: number): number {
  const wanted = file.signalsReadiness ? flags : flags & ~O.ASYNC;
  const changed = (file.flags ^ wanted) & O.ASYNC;
  file.setStatusFlags(wanted);
  if (changed !== 0 && wanted & O.ASYNC) {
    IoSignals.of(file).start(task, fd);
  } else if (changed !== 0) {
    IoSignals.of(file).stop();
  }
  return 0;
}

/** F_SETOWN and its kin; undefined for other commands. */
export function ownerCommand(
  task: Task,
  file: OpenFile,
  command: number,
  argument: number,
  address: number,
): number | undefined {
  switch (command) {
    case Fcntl.GETOWN:
      return ownerOf(task, file);
    case Fcntl.SETOWN:
      return setOwner(task, file, argument);
    case Fcntl.GETOWN_EX:
      return giveOwner(task, file, address);
    case Fcntl.SETOWN_EX:
      return readOwner(task, file, address);
    case Fcntl.GETSIG:
      return IoSignals.of(file).signo;
    case Fcntl.SETSIG:
      if (argument < 0 || argument > SIGNAL_COUNT) {
        return -Errno.EINVAL;
      }
      IoSignals.of(file).signo = argument;
      return 0;
    default:
      return undefined;
  }
}

function exists({ kernel }: Task, type: number, id: number): boolean {
  switch (type) {
    case OwnerType.TID:
      return kernel.tasks.has(id);
    case OwnerType.PID:
      return kernel.processes.has(id);
    default:
      return membersOf(kernel, id).length > 0;
  }
}

/** The owner as F_GETOWN shows it: groups are negative; 0 where there is none, or none any more. */
function ownerOf(task: Task, file: OpenFile): number {
  const { owner } = IoSignals.of(file);
  if (owner === undefined || !exists(task, owner.type, owner.id)) {
    return 0;
  }
  return owner.type === OwnerType.PGRP ? -owner.id : owner.id;
}

/** F_SETOWN: a process, or with a minus a group; 0 for nobody. */
export function setOwner(task: Task, file: OpenFile, who: number): number {
  if (who === INT_MIN) {
    return -Errno.EINVAL;
  }
  return who < 0
    ? makeOwner(task, file, OwnerType.PGRP, -who)
    : makeOwner(task, file, OwnerType.PID, who);
}

function makeOwner(task: Task, file: OpenFile, type: number, id: number): number {
  if (id !== 0 && !exists(task, type, id)) {
    return -Errno.ESRCH;
  }
  IoSignals.of(file).owner = id === 0 ? undefined : { type, id, credentials: task.credentials };
  return 0;
}

function readOwner(task: Task, file: OpenFile, address: number): number {
  const bytes = Buffer.alloc(OWNER_SIZE);
  if (!task.mm.read(address, bytes)) {
    return -Errno.EFAULT;
  }
  const [type, id] = [bytes.readInt32LE(0), bytes.readInt32LE(4)];
  return type < OwnerType.TID || type > OwnerType.PGRP
    ? -Errno.EINVAL
    : makeOwner(task, file, type, id);
}

function giveOwner(task: Task, file: OpenFile, address: number): number {
  const { owner } = IoSignals.of(file);
  const bytes = Buffer.alloc(OWNER_SIZE);
  bytes.writeInt32LE(owner?.type ?? OwnerType.TID, 0);
  bytes.writeInt32LE(Math.abs(ownerOf(task, file)), 4);
  return task.mm.write(address, bytes);
}

/** Finds a call's row and runs its handler, with what all calls have in common. */
import { OutOfMemoryError } from '../../platform/errors.js';
import { Register } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { syscallName } from '../abi/syscall-names.js';
import { answered, PENDING } from '../fs/user/answers.js';
import type { Task } from '../task/task.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** Rows by number. */
export type SyscallTable = readonly (SyscallRow | undefined)[];

/** @throws {Error} where two rows have one number. */
export function buildTable(all: readonly SyscallRow[]): SyscallTable {
  const table: (SyscallRow | undefined)[] = [];
  for (const row of all) {
    const other = table[row.number];
    if (other !== undefined) {
      throw new Error(`system call ${String(row.number)}: ${other.name} and ${row.name}`);
    }
    table[row.number] = row;
  }
  return table;
}

/** Answers the call that the task's registers hold. */
export type Dispatcher = (task: Task, number: number) => SyscallResult;

/**
 * A dispatcher over `table`. Whatever a handler does, the answer is a number or a promise of one. Calls whose answer lasts
 * come once, unless they are watched, and are answered in the guest then, where the platform can.
 */
export function createDispatcher(table: SyscallTable): Dispatcher {
  return (task, number) => {
    const row = table[number];
    if (row === undefined) return -Errno.ENOSYS;
    try {
      const result = row.handler(task, task.registers);
      if (result === PENDING) return retry(task, row);
      if (typeof result === 'number') {
        if (row.lasting && !task.kernel.isWatched(number)) task.answers.publish(number, result);
        return result;
      }
      return result.then(
        (value) => (value === PENDING ? retry(task, row) : value),
        (error: unknown) => resultOfError(task, number, error),
      );
    } catch (error) {
      return resultOfError(task, number, error);
    }
  };
}

async function retry(task: Task, row: SyscallRow): Promise<number> {
  try {
    return await answered(task, () => row.handler(task, task.registers));
  } catch (error) {
    return resultOfError(task, row.number, error);
  }
}

/** The number of the call, as Linux takes it: an int. */
export function syscallNumber(task: Task): number {
  return task.registers.lowInt32(Register.Rax);
}

function resultOfError(task: Task, number: number, error: unknown): number {
  if (error instanceof OutOfMemoryError) return -Errno.ENOMEM;
  task.kernel.reportDefect(`${syscallName(number)} failed inside`, error);
  return -Errno.EIO;
}

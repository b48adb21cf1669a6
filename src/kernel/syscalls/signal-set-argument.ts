/** sigset_t as an argument. */
import { SignalSet } from '../signal/signal-set.js';
import type { Task } from '../task/task.js';

/** What the `sigsetsize` argument must be. */
export const SIGSET_SIZE = 8;

export function readSet(task: Task, address: number): SignalSet | undefined {
  const bytes = new Uint8Array(SIGSET_SIZE);
  return task.mm.read(address, bytes) ? SignalSet.decode(bytes) : undefined;
}

export function writeSet(task: Task, address: number, set: SignalSet): number {
  const bytes = new Uint8Array(SIGSET_SIZE);
  set.encode(bytes);
  return task.mm.write(address, bytes);
}

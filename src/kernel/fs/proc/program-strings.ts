/** Arguments and environment as they lie in a program's memory: /proc/PID/cmdline, /proc/PID/environ. */
import { Errno } from '../../abi/errno.js';
import type { Task } from '../../task/task.js';

/** More than execve(2) takes. */
const MOST = 8 * 1024 * 1024;

/** Bytes of memory in Latin-1, as far as they can be read. */
function textAt({ mm }: Task, start: number, end: number): string {
  const bytes = Buffer.alloc(Math.max(Math.min(end - start, MOST), 0));
  return bytes.toString('latin1', 0, mm.copyIn(start, bytes));
}

/** A thread that still has the memory of the process. */
function liveThread(task: Task): Task | undefined {
  if (task.process.isZombie) {
    return undefined;
  }
  const thread = task.process.tasks.has(task) ? task : task.process.leader;
  return thread?.mm.isReleased === false ? thread : undefined;
}

/**
 * A program that writes a title over its arguments leaves them without a NUL at the end: then the title goes on into
 * the environment, up to a NUL (Linux, get_mm_cmdline).
 */
export function commandLine(task: Task): string {
  const thread = liveThread(task);
  if (thread === undefined) {
    return '';
  }
  const { argStart, argEnd, envStart, envEnd } = thread.mm.program;
  const text = textAt(thread, argStart, argEnd);
  if (text === '' || text.endsWith('\0')) {
    return text;
  }
  const title = text.indexOf('\0');
  if (title >= 0) {
    return text.slice(0, title + 1);
  }
  const rest = envStart === argEnd ? textAt(thread, envStart, envEnd) : '';
  const end = rest.indexOf('\0');
  return text + (end < 0 ? rest : rest.slice(0, end));
}

export function environment(task: Task): string | number {
  const thread = liveThread(task);
  if (thread === undefined) {
    return -Errno.ESRCH;
  }
  const { envStart, envEnd } = thread.mm.program;
  return textAt(thread, envStart, envEnd);
}

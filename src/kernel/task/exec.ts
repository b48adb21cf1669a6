/** execve(2): puts another program in the place of the one that runs. */
import type { ExecutableOpener } from '../loader/executable-file.js';
import { ExecError } from '../loader/exec-error.js';
import { NO_ALTERNATE_STACK } from '../signal/signal-frame.js';
import { Errno } from '../abi/errno.js';
import { Signo } from '../abi/signal.js';
import { releaseMemory } from './exit.js';
import { startState } from './start-state.js';
import type { Task } from './task.js';

export interface ExecuteRequest {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly opener: ExecutableOpener;
}

/** The old program, with its other threads, is given up only when the new one is completely in place: 0 or -errno. */
export async function execute(task: Task, request: ExecuteRequest): Promise<number> {
  const { kernel, process } = task;
  const { path, argv, env, opener } = request;
  const context = kernel.platform.newContext();
  let loadedMemory;
  try {
    const program = kernel.openProgram(opener, path, argv, env, process);
    const { mm, loaded } = await kernel.loadInto(program, env, process.limits, task.credentials);
    loadedMemory = mm;
    if (!(await becomeOnlyThread(task))) {
      mm.release();
      context.dispose();
      return -Errno.EINTR;
    }
    if (!unshare(task)) {
      // The other threads are gone: there is no way back (Linux, begin_new_exec).
      process.exit({ signal: Signo.SIGKILL, coreDumped: false });
      mm.release();
      context.dispose();
      return -Errno.ENOMEM;
    }
    const old = task.context;
    task.answers.withdraw();
    process.peakResident = Math.max(process.peakResident, task.mm.pages.peakBytes);
    releaseMemory(task);
    task.mm = mm;
    task.context = context;
    old.dispose();
    process.timers.deletePosix();
    process.actions.resetHandlers();
    task.alternateStack = NO_ALTERNATE_STACK;
    task.rseq = undefined;
    task.files.closeOnExec();
    task.become(program);
    process.hasExecuted = true;
    process.attributes.reset();
    process.exitSignal = Signo.SIGCHLD;
    startState(task.registers, loaded);
    task.registersReplaced = true;
    return 0;
  } catch (error) {
    if (loadedMemory === undefined) context.dispose();
    if (error instanceof ExecError) return -error.errno;
    throw error;
  }
}

/** Ends the other threads and takes over the first one's id. False where this thread itself is to end. */
async function becomeOnlyThread(task: Task): Promise<boolean> {
  const { process, kernel } = task;
  if (task.isEnding) return false;
  for (const other of process.tasks) {
    if (other === task) continue;
    other.ending = { code: 0 };
    other.wake();
  }
  while (process.tasks.size > 1) {
    const { event, cancel } = process.threadEvents.next();
    const result = await task.blockUntilEnding(event);
    cancel();
    if (result < 0) return false;
  }
  if (task.tid !== process.pid) {
    kernel.tasks.delete(task.tid);
    task.tid = process.pid;
    kernel.tasks.set(task.tid, task);
  }
  return true;
}

/** What a thread or a process made by clone(2) shares with others stays theirs. False where there is no memory. */
function unshare(task: Task): boolean {
  const { process, files } = task;
  if (process.actions.isShared) process.actions = process.actions.clone();
  if (!files.isShared) return true;
  const own = files.clone();
  if (own === undefined) return false;
  task.files = own;
  files.release();
  return true;
}

/** New tasks from old ones: fork(2), vfork(2), clone(2), clone3(2). */
import { Register } from '../../platform/registers.js';
import { CLONE } from '../abi/clone.js';
import { Errno } from '../abi/errno.js';
import { forkMemory } from '../mm/fork-memory.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { NO_ALTERNATE_STACK } from '../signal/signal-frame.js';
import { Process } from './process.js';
import { Rlimit, type ResourceLimits } from './resource-limits.js';
import { runTask } from './run-loop.js';
import { Task } from './task.js';

/** What clone3(2) asks for; the older calls are translated to it. */
export interface CloneRequest {
  /** CLONE_ flags without the exit signal. */
  readonly flags: number;
  readonly exitSignal: number;
  /** The child's stack pointer; 0: where the parent's is. */
  readonly stackPointer: number;
  /** FS base with CLONE_SETTLS. */
  readonly tls: number;
  readonly parentTid: number;
  readonly childTid: number;
}

/** Whether every bit of `flag` is set. The flags go beyond 32 bits, which JavaScript's operators do not. */
export function hasFlag(flags: number, flag: number): boolean {
  return Math.floor(flags / flag) % 2 === 1;
}

/**
 * Makes a task beside `task`, which does not run yet.
 * @throws {OutOfMemoryError}
 */
export async function cloneTask(task: Task, request: CloneRequest): Promise<Task | number> {
  const { kernel } = task;
  if (isBeyondLimit(task)) return -Errno.EAGAIN;
  const tid = kernel.reservePid();
  if (tid < 0) return tid;
  try {
    return await makeTask(task, tid, request);
  } finally {
    kernel.settlePid(tid);
  }
}

async function makeTask(task: Task, tid: number, request: CloneRequest): Promise<Task | number> {
  const { kernel } = task;
  const { flags } = request;
  const isThread = hasFlag(flags, CLONE.THREAD);
  const limits = isThread ? task.process.limits : task.process.limits.clone();
  const mm = await cloneMemory(task, flags, limits);
  if (task.isEnding) {
    // Whoever ends this thread has not seen the new one, and would wait for it, or forget it.
    mm.release();
    return -Errno.EINTR;
  }
  let context;
  try {
    context = kernel.platform.newContext();
    context.setExtendedState(task.context.getExtendedState());
  } catch (error) {
    context?.dispose();
    mm.release();
    throw error;
  }
  const files = hasFlag(flags, CLONE.FILES) ? task.files.share() : task.files.clone();
  if (files === undefined) {
    context.dispose();
    mm.release();
    return -Errno.ENOMEM;
  }
  const process = isThread ? task.process : newProcess(task, tid, request, limits);
  const child = new Task(tid, {
    kernel,
    process,
    context,
    mm,
    files,
    fsContext: hasFlag(flags, CLONE.FS) ? task.fsContext.share() : task.fsContext.clone(),
    credentials: task.credentials,
  });
  copyState(task, child, request);
  process.tasks.add(child);
  kernel.tasks.set(tid, child);
  return child;
}

/** Lets a new task run. */
export function startTask(task: Task): void {
  void runTask(task);
}

function isBeyondLimit(task: Task): boolean {
  if (task.credentials.euid === 0) return false;
  const limit = task.process.limits.soft(Rlimit.Nproc);
  const { reservedPids } = task.kernel;
  if (task.kernel.tasks.size + reservedPids < limit) return false;
  let own = reservedPids;
  for (const other of task.kernel.tasks.values()) {
    if (other.credentials.uid === task.credentials.uid) own++;
  }
  return own >= limit;
}

async function cloneMemory(
  task: Task,
  flags: number,
  limits: ResourceLimits,
): Promise<MemoryManager> {
  if (hasFlag(flags, CLONE.VM)) return task.mm.share();
  const space = await task.kernel.newAddressSpace();
  return forkMemory(task.mm, space, limits);
}

function newProcess(
  task: Task,
  pid: number,
  request: CloneRequest,
  limits: ResourceLimits,
): Process {
  const { kernel } = task;
  const isSibling = hasFlag(request.flags, CLONE.PARENT);
  const from = task.process;
  const process = new Process(kernel, pid, isSibling ? from.parent : from);
  process.creator = isSibling ? from.creator : task;
  process.processGroup = from.processGroup;
  process.session = from.session;
  process.inherit(from);
  process.limits = limits;
  process.timers.limitCpu();
  process.exitSignal = isSibling ? from.exitSignal : request.exitSignal;
  const shares = hasFlag(request.flags, CLONE.SIGHAND);
  process.actions = shares ? from.actions.share() : from.actions.clone();
  if (hasFlag(request.flags, CLONE.CLEAR_SIGHAND)) process.actions.resetHandlers();
  kernel.processes.set(pid, process);
  return process;
}

function copyState(task: Task, child: Task, request: CloneRequest): void {
  const { flags, stackPointer } = request;
  child.registers.copyFrom(task.registers);
  child.registers.setNumber(Register.Rax, 0);
  if (stackPointer !== 0) child.registers.setNumber(Register.Rsp, stackPointer);
  if (hasFlag(flags, CLONE.SETTLS)) child.registers.setNumber(Register.FsBase, request.tls);
  child.comm = task.comm;
  child.blocked = task.blocked.clone();
  child.scheduling.inherit(task.scheduling);
  // A thread that shares memory must not share the stack that handlers run on; a vfork's parent sleeps.
  const sharesStack = hasFlag(flags, CLONE.VM) && !hasFlag(flags, CLONE.VFORK);
  child.alternateStack = sharesStack ? NO_ALTERNATE_STACK : task.alternateStack;
  if (!hasFlag(flags, CLONE.VM)) child.rseq = task.rseq?.copy();
  if (hasFlag(flags, CLONE.CHILD_CLEARTID)) child.clearChildTid = request.childTid;
}

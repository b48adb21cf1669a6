/** The end of a thread, and of its process with the last one: what is given back, and who is told. */
import { Poll } from '../abi/poll.js';
import { CLD } from '../abi/wait.js';
import { SA_NOCLDWAIT, SIG_IGN, SiCode, Signo } from '../abi/signal.js';
import type { SignalInfo } from '../signal/signal-info.js';
import type { ExitStatus } from './exit-status.js';
import { releaseContended } from './futex-owner.js';
import { futexQueue } from './futex-word.js';
import { groupsLinkedBy, hangUpOrphaned } from './process-group.js';
import type { Process } from './process.js';
import { releaseRobustList } from './robust-list.js';
import type { Task } from './task.js';

const ANY = 0xffffffff;
/** Milliseconds in a clock tick, as siginfo_t counts. */
const TICK = 10;

/** Lets go of the memory as far as this thread is concerned: at its end, and before execve(2) replaces it. */
export function releaseMemory(task: Task): void {
  const { clearChildTid, mm, onMemoryReleased } = task;
  releaseRobustList(task);
  releaseContended(task);
  task.clearChildTid = 0;
  task.onMemoryReleased = undefined;
  if (clearChildTid !== 0 && mm.isShared) {
    mm.write(clearChildTid, new Uint8Array(4));
    futexQueue(mm, clearChildTid, false).wake(1, ANY);
  }
  mm.release();
  onMemoryReleased?.();
}

/** Gives back what the thread held, and ends the process with its last thread. Never throws. */
export function endTask(task: Task): void {
  const { process, kernel } = task;
  try {
    process.endedCpuTime += task.cpuTime;
    process.peakResident = Math.max(process.peakResident, task.mm.pages.peakBytes);
    task.files.release();
    task.fsContext.release();
    task.context.dispose();
    releaseMemory(task);
  } catch (error) {
    kernel.reportDefect('a thread was not cleaned up', error);
  }
  task.pending.close();
  process.tasks.delete(task);
  passChildrenOn(task);
  if (task.tid !== process.pid) kernel.tasks.delete(task.tid);
  if (process.tasks.size === 0) endProcess(process, task);
  else {
    process.passSignalsOn();
    process.threadEvents.happened();
  }
}

function endProcess(process: Process, last: Task): void {
  process.exitStatus ??= last.ending ?? { code: 0 };
  process.timers.dispose();
  process.pending.close();
  for (const told of process.atEnd) told.ended(process);
  process.isZombie = true;
  const groups = groupsLinkedBy(process);
  for (const child of [...process.children]) orphan(process, child);
  hangUpOrphaned(process.kernel, groups);
  if (process.session === process.pid) process.kernel.onSessionEnded(process);
  tellParent(process, process.exitStatus, last);
  process.ends.wake(Poll.IN);
}

/** The children that a thread has made are another's now, and learn of its end: prctl(PR_SET_PDEATHSIG). */
function passChildrenOn(task: Task): void {
  const { process, credentials } = task;
  const [other] = process.tasks;
  for (const child of process.children) {
    if (child.creator !== task) continue;
    child.creator = other;
    const signo = child.parentDeathSignal;
    const info = { signo, code: SiCode.SI_USER, pid: process.pid, uid: credentials.uid };
    if (signo !== 0) child.sendSignal(signo, info);
  }
}

/** Gives a child whose parent has ended to the nearest subreaper above, or to nobody. */
function orphan(process: Process, child: Process): void {
  process.children.delete(child);
  let reaper = process.parent;
  while (reaper !== undefined && (!reaper.isSubreaper || reaper.isZombie)) reaper = reaper.parent;
  child.parent = reaper;
  if (reaper === undefined) {
    child.isOrphan = true;
    if (child.isZombie) reap(child);
    return;
  }
  reaper.children.add(child);
  child.exitSignal = Signo.SIGCHLD;
  if (child.isZombie) tellOfEnd(child, reaper, child.endInfo);
}

function tellParent(process: Process, status: ExitStatus, last: Task): void {
  const info = endInfo(process, status, last);
  process.endInfo = info;
  const { parent } = process;
  if (parent === undefined) reap(process);
  else tellOfEnd(process, parent, info);
}

/** A parent that ignores SIGCHLD has no zombies, wait(2). */
function tellOfEnd(process: Process, parent: Process, info: SignalInfo | undefined): void {
  const { handler, flags } = parent.actions.get(Signo.SIGCHLD);
  const signo = process.exitSignal;
  const isUnwanted =
    signo === Signo.SIGCHLD && (handler === SIG_IGN || (flags & SA_NOCLDWAIT) !== 0);
  if (info !== undefined && signo !== 0) parent.sendSignal(signo, { ...info, signo });
  if (isUnwanted) reap(process);
  parent.childEvents.happened();
}

function endInfo(process: Process, status: ExitStatus, last: Task): SignalInfo {
  const told =
    'code' in status
      ? { code: CLD.Exited, status: status.code }
      : { code: status.coreDumped ? CLD.Dumped : CLD.Killed, status: status.signal };
  return {
    signo: Signo.SIGCHLD,
    ...told,
    pid: process.pid,
    uid: last.credentials.uid,
    userTime: Math.floor(process.cpuTime / TICK),
  };
}

/** Forgets a process that has ended: its number may be given to another. */
export function reap(process: Process): void {
  const { parent } = process;
  if (parent !== undefined) {
    parent.children.delete(process);
    parent.childCpuTime += process.cpuTime + process.childCpuTime;
    parent.childPeakResident = Math.max(
      parent.childPeakResident,
      process.childPeakResident,
      process.peakResident,
    );
  }
  process.kernel.forget(process);
}

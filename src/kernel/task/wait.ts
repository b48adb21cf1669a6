/** Finds children that wait(2) has something to tell of. */
import { Signo } from '../abi/signal.js';
import {
  CLD,
  WALL,
  WCLONE,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WUNTRACED,
} from '../abi/wait.js';
import { Errno } from '../abi/errno.js';
import type { SignalInfo } from '../signal/signal-info.js';
import { reap } from './exit.js';
import type { Process } from './process.js';
import type { Task } from './task.js';

/** Whether a child is among those that are waited for. */
export type ChildSelector = (child: Process) => boolean;

/** What a child has done. */
export interface ChildReport {
  readonly pid: number;
  /** As siginfo_t of SIGCHLD has it. */
  readonly info: SignalInfo;
  /** Milliseconds and bytes, for `struct rusage`. */
  readonly cpuTime: number;
  readonly peakResident: number;
}

/**
 * Waits for a child that `select` takes to do what `options` ask for. 0 with WNOHANG where none has; -ECHILD,
 * -EINTR.
 */
export async function waitForChild(
  task: Task,
  select: ChildSelector,
  options: number,
): Promise<ChildReport | number> {
  const { process } = task;
  for (let result = 0; ;) {
    const candidates = [...process.children].filter(
      (child) => select(child) && isOfKind(child, options) && mayTell(child, options),
    );
    for (const child of candidates) {
      const report = reportOf(child, options);
      if (report !== undefined) return report;
    }
    if (candidates.length === 0) return -Errno.ECHILD;
    if ((options & WNOHANG) !== 0) return 0;
    // A child that has come with the signal is told of first.
    if (result < 0) return result;
    const { event, cancel } = process.childEvents.next();
    result = await task.block(event, cancel);
  }
}

/** __WALL and __WCLONE: by the signal that the child's end sends. */
function isOfKind(child: Process, options: number): boolean {
  if ((options & WALL) !== 0) return true;
  return ((options & WCLONE) !== 0) !== (child.exitSignal === Signo.SIGCHLD);
}

/** Of what has ended nothing else can be told. */
function mayTell(child: Process, options: number): boolean {
  return !child.isZombie || (options & WEXITED) !== 0;
}

function reportOf(child: Process, options: number): ChildReport | undefined {
  const keeps = (options & WNOWAIT) !== 0;
  if (child.isZombie) {
    if ((options & WEXITED) === 0 || child.endInfo === undefined) return undefined;
    const report = describe(child, child.endInfo);
    if (!keeps) reap(child);
    return report;
  }
  if (child.unreported === 'stopped' && (options & WUNTRACED) !== 0) {
    if (!keeps) child.unreported = undefined;
    return describe(child, eventInfo(child, CLD.Stopped, child.stopSignal));
  }
  if (child.unreported === 'continued' && (options & WCONTINUED) !== 0) {
    if (!keeps) child.unreported = undefined;
    return describe(child, eventInfo(child, CLD.Continued, Signo.SIGCONT));
  }
  return undefined;
}

function eventInfo(child: Process, code: number, status: number): SignalInfo {
  const uid = child.leader?.credentials.uid ?? 0;
  return { signo: Signo.SIGCHLD, code, status, pid: child.pid, uid };
}

function describe(child: Process, info: SignalInfo): ChildReport {
  return {
    pid: child.pid,
    info,
    cpuTime: child.cpuTime + child.childCpuTime,
    peakResident: Math.max(child.peakResident, child.childPeakResident),
  };
}

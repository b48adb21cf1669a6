/** Process groups and sessions: who is in one, and what becomes of a group that nobody can continue any more. */
import { Signo } from '../abi/signal.js';
import type { Kernel } from '../kernel.js';
import type { Process } from './process.js';

export function membersOf(kernel: Kernel, group: number): Process[] {
  return [...kernel.processes.values()].filter((process) => process.processGroup === group);
}

/** Signals every process of a group; gives whether there is any. */
export function signalGroup(kernel: Kernel, group: number, signo: number): boolean {
  const members = membersOf(kernel, group).filter((process) => !process.isZombie);
  for (const process of members) process.sendSignal(signo);
  return members.length > 0;
}

/** Whether the process makes its group one that somebody in the session can continue (setpgid(2)). */
function isLink({ parent, processGroup, session, isZombie }: Process): boolean {
  if (isZombie || parent === undefined) return false;
  return parent.processGroup !== processGroup && parent.session === session;
}

/** A group with no such member: job control does not stop its processes. */
export function isOrphanedGroup(kernel: Kernel, group: number): boolean {
  return !membersOf(kernel, group).some(isLink);
}

/** The groups that are linked to the session by this process, or by a child's being its child. */
export function groupsLinkedBy(process: Process): Set<number> {
  const linked = [...process.children].filter(isLink);
  const { parent } = process;
  if (parent !== undefined && parent.processGroup !== process.processGroup) linked.push(process);
  return new Set(linked.map((member) => member.processGroup));
}

/** Hangs up and continues those of `groups` that are orphaned by now and have stopped members. */
export function hangUpOrphaned(kernel: Kernel, groups: ReadonlySet<number>): void {
  for (const group of groups) {
    const members = membersOf(kernel, group).filter((process) => !process.isZombie);
    if (!members.some((process) => process.stopped) || !isOrphanedGroup(kernel, group)) continue;
    for (const process of members) {
      process.sendSignal(Signo.SIGHUP);
      process.sendSignal(Signo.SIGCONT);
    }
  }
}

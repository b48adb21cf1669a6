/** Makes room where guest memory is used up: the largest process is killed, as Linux's out-of-memory killer does. */
import { KernelMemory } from '../fs/kernel-memory.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { Signo, SiCode } from '../abi/signal.js';
import type { Kernel } from '../kernel.js';
import type { Process } from './process.js';
import type { Task } from './task.js';

/** oom_score_adj counts in thousandths of all memory; a process with the least of them is left alone. */
const SHARES = 1000;
export const NEVER_KILLED = -1000;

/** Kills a process and waits until it has given its memory back. Nobody else is left: then the caller's own. */
export async function makeRoom(task: Task): Promise<void> {
  const { kernel, process } = task;
  const victim = [...kernel.processes.values()].find(isOnItsWayOut) ?? largest(kernel) ?? process;
  if (!isOnItsWayOut(victim)) {
    kernel.reportDefect(`process ${String(victim.pid)} was killed: out of guest memory`);
    for (const other of sharers(kernel, victim)) kill(other);
  }
  if (victim === process || task.isEnding) return;
  const gone = victim.exited.then(
    () => 0,
    () => 0,
  );
  await task.blockUntilEnding(gone);
}

function kill(process: Process): void {
  process.sendSignal(Signo.SIGKILL, { signo: Signo.SIGKILL, code: SiCode.SI_KERNEL });
}

/** It will give memory back by itself. */
function isOnItsWayOut(process: Process): boolean {
  if (process.tasks.size === 0) return false;
  return process.exitStatus !== undefined || process.pending.set.has(Signo.SIGKILL);
}

/** Memory that several processes run in is free when all of them are gone. */
function sharers(kernel: Kernel, victim: Process): Process[] {
  const mm = victim.leader?.mm;
  return [...kernel.processes.values()].filter((process) => process.leader?.mm === mm);
}

function largest(kernel: Kernel): Process | undefined {
  let found: Process | undefined;
  let most = -Infinity;
  for (const process of kernel.processes.values()) {
    const mm = process.leader?.mm;
    if (mm === undefined || process.oomScoreAdjustment === NEVER_KILLED) continue;
    const score = shareOf(kernel, mm) + process.oomScoreAdjustment / SHARES;
    if (score > most) {
      most = score;
      found = process;
    }
  }
  return found;
}

/** The part that it holds of guest memory, or of what the kernel may hold for the guest. */
function shareOf({ memory }: Kernel, mm: MemoryManager): number {
  const records = mm.accounted / KernelMemory.of(memory).limit;
  return Math.max(mm.residentBytes / memory.limit, records);
}

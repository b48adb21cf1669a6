/** The stub processes of a process, as /proc shows them. */
import { readdirSync, readFileSync } from 'node:fs';

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

/** The stubs of address spaces, in use or not, that are children of `parent`. */
export function stubsOf(parent = process.pid): Process[] {
  return family(parent).filter(({ pid, session }) => pid !== session);
}

/** What the stubs are forked of: the leader of their session. */
export function templatesOf(parent = process.pid): Process[] {
  return family(parent).filter(({ pid, session }) => pid === session);
}

function family(parent: number): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const found = describe(Number(name));
      return found?.parent === parent ? [found] : [];
    });
}

export function isAlive(pid: number): boolean {
  return describe(pid) !== undefined;
}

/** A field of /proc/PID/status. */
export function statusOf(pid: number, field: string): string | undefined {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(status)?.[1];
}

function describe(pid: number): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const match = /\((.*)\) (\S) (\d+) \d+ (\d+)/.exec(stat);
    if (match?.[1] !== 'ringfence-stub' || match[2] === 'Z') return undefined;
    return { pid, parent: Number(match[3]), session: Number(match[4]) };
  } catch {
    return undefined;
  }
}

/** wait(2) and waitid(2): options, and how an end is told (<sys/wait.h>). */
export const WNOHANG = 1;
/** With waitid(2): WSTOPPED. */
export const WUNTRACED = 2;
export const WEXITED = 4;
export const WCONTINUED = 8;
export const WNOWAIT = 0x1000000;
export const WNOTHREAD = 0x20000000;
/** Children made by clone(2) with whatever signal. */
export const WALL = 0x40000000;
/** Only those that end without SIGCHLD. */
export const WCLONE = 0x80000000;

/** `idtype_t` of waitid(2). */
export const IdType = { All: 0, Pid: 1, Group: 2, Pidfd: 3 } as const;

/** `si_code` of SIGCHLD. */
export const CLD = { Exited: 1, Killed: 2, Dumped: 3, Stopped: 5, Continued: 6 } as const;

const CORE_FLAG = 0x80;
const STOPPED = 0x7f;
const CONTINUED = 0xffff;

export function exitedStatus(code: number): number {
  return (code & 0xff) << 8;
}

export function killedStatus(signo: number, coreDumped: boolean): number {
  return signo | (coreDumped ? CORE_FLAG : 0);
}

export function stoppedStatus(signo: number): number {
  return (signo << 8) | STOPPED;
}

export const continuedStatus = CONTINUED;

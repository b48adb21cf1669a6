/** What the command's exit status says, and what is printed with it. */

/** Statuses that are not the program's, as env(1), docker-run(1) and POSIX shells have them. */
export const Status = {
  /** Ringfence itself failed. */
  Failure: 125,
  /** The program is there but cannot be run. */
  NotExecutable: 126,
  NotFound: 127,
  /** Added to the number of the signal that ended the program. */
  SignalBase: 128,
} as const;

/** glibc's strsignal(3) for the signals whose default action ends a process, signal(7). */
const DESCRIPTIONS: Readonly<Record<number, string>> = {
  1: 'Hangup',
  3: 'Quit',
  4: 'Illegal instruction',
  5: 'Trace/breakpoint trap',
  6: 'Aborted',
  7: 'Bus error',
  8: 'Floating point exception',
  9: 'Killed',
  10: 'User defined signal 1',
  11: 'Segmentation fault',
  12: 'User defined signal 2',
  14: 'Alarm clock',
  15: 'Terminated',
  16: 'Stack fault',
  24: 'CPU time limit exceeded',
  25: 'File size limit exceeded',
  26: 'Virtual timer expired',
  27: 'Profiling timer expired',
  29: 'I/O possible',
  30: 'Power failure',
  31: 'Bad system call',
};

const SIGRTMIN = 34;
const SIGRTMAX = 64;

/**
 * What a shell prints of a program ended by a signal; `undefined` for SIGINT and SIGPIPE, of which shells say
 * nothing, because the one at the keyboard or the end of the pipeline knows.
 */
export function describeSignalDeath(signal: number): string | undefined {
  if (signal >= SIGRTMIN && signal <= SIGRTMAX) return `Real-time signal ${signal - SIGRTMIN}`;
  return DESCRIPTIONS[signal];
}

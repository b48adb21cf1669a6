/** What prctl(2) keeps of a process, for it to be asked about. */
export const DEFAULT_TIMER_SLACK = 50000;

export class ProcessAttributes {
  /** prctl(PR_SET_NO_NEW_PRIVS). */
  noNewPrivileges = false;
  /** prctl(PR_SET_DUMPABLE); cleared as well where the effective ids change. */
  dumpable = true;
  /** prctl(PR_SET_KEEPCAPS). */
  keepsCapabilities = false;
  /** Nanoseconds, prctl(PR_SET_TIMERSLACK). */
  timerSlack = DEFAULT_TIMER_SLACK;
  /** prctl(PR_SET_THP_DISABLE). */
  refusesLargePages = false;
  /** prctl(PR_CAPBSET_DROP). */
  readonly droppedCapabilities = new Set<number>();

  /** What fork(2) hands down. */
  inherit(from: ProcessAttributes): void {
    this.noNewPrivileges = from.noNewPrivileges;
    this.dumpable = from.dumpable;
    this.keepsCapabilities = from.keepsCapabilities;
    this.timerSlack = from.timerSlack;
    this.refusesLargePages = from.refusesLargePages;
    for (const capability of from.droppedCapabilities) this.droppedCapabilities.add(capability);
  }

  /** And what execve(2) begins anew. */
  reset(): void {
    this.dumpable = true;
    this.keepsCapabilities = false;
  }
}

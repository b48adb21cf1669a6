/** Policies of sched(7), by number. */
export const POLICIES = [
  'SCHED_OTHER',
  'SCHED_FIFO',
  'SCHED_RR',
  'SCHED_BATCH',
  undefined,
  'SCHED_IDLE',
  'SCHED_DEADLINE',
] as const;

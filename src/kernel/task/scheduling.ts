/** How a thread asks to be scheduled, sched(7). The host decides; what was asked for is remembered and told. */
export const Policy = { Other: 0, Fifo: 1, RoundRobin: 2, Batch: 3, Idle: 5 } as const;

export class Scheduling {
  policy: number = Policy.Other;
  /** Of real-time policies: 1 to 99. */
  priority = 0;
  /** SCHED_RESET_ON_FORK. */
  resetsOnFork = false;
  /** Bit n: CPU n. */
  affinity: number;

  constructor(cpuCount: number) {
    this.affinity = 2 ** cpuCount - 1;
  }

  get isRealTime(): boolean {
    return this.policy === Policy.Fifo || this.policy === Policy.RoundRobin;
  }

  /** What a new thread or process starts with. */
  inherit(from: Scheduling): void {
    this.affinity = from.affinity;
    if (from.resetsOnFork) return;
    this.policy = from.policy;
    this.priority = from.priority;
  }
}

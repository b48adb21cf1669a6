/** How much is done for a figure. `--quick` shows that everything runs, on less work, and measures nothing. */
export interface Effort {
  readonly quick: boolean;
}

/** `full` as it is, or as little of it as there can be. */
export const count = ({ quick }: Effort, full: number, least: number): number =>
  quick ? Math.min(full, least) : full;

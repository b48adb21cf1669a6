/** What is said of a row's samples. */
export interface Summary {
  readonly p10: number;
  readonly p50: number;
  readonly p90: number;
  readonly n: number;
}

/** The value below which `fraction` of `sorted` lies, between two samples in proportion. */
function quantile(sorted: readonly number[], fraction: number): number {
  const position = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position % 1);
}

export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (fraction: number): number => Number(quantile(sorted, fraction).toPrecision(4));
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9), n: samples.length };
}

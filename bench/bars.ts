/** What Ringfence is meant to cost at most, and whether it did in a run. */
import type { Summary } from './statistics.js';

interface Bar {
  readonly row: string;
  /** The bar is a multiple of this row; without one, of the row's own unit. */
  readonly beside?: string;
  readonly atMost: number;
}

const BARS: readonly Bar[] = [
  { row: 'kvm.exitless', beside: 'ptrace.raw.one-core', atMost: 0.25 },
  { row: 'kvm.exitless', beside: 'kvm.raw.exitless', atMost: 1.5 },
  { row: 'kvm.switchSync', beside: 'kvm.raw', atMost: 1.1 },
  { row: 'kvm.switch', beside: 'kvm.raw', atMost: 1.6 },
  { row: 'clock_gettime.kvm', beside: 'clock_gettime.native', atMost: 1.2 },
  { row: 'getpid.kvm-exitless', beside: 'getpid.native', atMost: 1.2 },
  { row: 'sha256sum.kvm-exitless', beside: 'sha256sum.native', atMost: 1.02 },
  { row: 'matrix.kvm-exitless', beside: 'matrix.native', atMost: 1.02 },
  { row: 'find.kvm-exitless', beside: 'find.ptrace', atMost: 0.5 },
  { row: 'python3.kvm-exitless', beside: 'python3.ptrace', atMost: 0.5 },
  { row: 'gcc.kvm-exitless', beside: 'gcc.ptrace', atMost: 0.5 },
  { row: 'start.sandbox.kvm', atMost: 3 },
  { row: 'memory.sandbox.kvm', atMost: 3 },
  { row: 'timer.kvm-exitless', atMost: 5 },
  { row: 'timer.kvm', atMost: 5 },
  { row: 'timer.ptrace', atMost: 5 },
];

export interface Verdict extends Bar {
  /** The row's median, as a multiple of the other's where there is one. */
  readonly value: number;
  readonly met: boolean;
}

/** The bars whose rows were measured, by medians. */
export function judge(
  results: readonly (Pick<Summary, 'p50'> & { readonly name: string })[],
): readonly Verdict[] {
  const median = (name: string): number | undefined =>
    results.find((result) => result.name === name)?.p50;
  return BARS.flatMap((bar) => {
    const row = median(bar.row);
    const unit = bar.beside === undefined ? 1 : median(bar.beside);
    if (row === undefined || unit === undefined) return [];
    const value = Number((row / unit).toPrecision(4));
    return [{ ...bar, value, met: value <= bar.atMost }];
  });
}

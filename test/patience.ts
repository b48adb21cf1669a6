/**
 * How many times longer than usual a test may take: more than 1 where the processor is an emulator's. The lanes set
 * it, see test/lanes.
 */
export const slowdown = Number(process.env['RINGFENCE_TEST_SLOWDOWN'] ?? 1);

/** How many times less than usual a test is to do, where any amount shows what it is after. */
const reduction = Number(process.env['RINGFENCE_TEST_REDUCTION'] ?? slowdown);

/** How much of `amount` a test is to do, where any amount shows what it is after. */
export function workload(amount: number): number {
  return Math.ceil(amount / reduction);
}

/** A test's time limit, of milliseconds on an ordinary machine. */
export function patience(milliseconds: number): number {
  return milliseconds * slowdown;
}

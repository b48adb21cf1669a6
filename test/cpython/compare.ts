/** Where a module's cases end otherwise in a sandbox than natively, and which of these differences are news. */
import type { PlatformName } from '../real/platforms.js';
import { knownDifferences } from './known-differences.js';
import { runModule, type CaseOutcome, type Outcomes } from './run-module.js';

export interface Difference {
  readonly name: string;
  readonly native: CaseOutcome | undefined;
  readonly guest: CaseOutcome | undefined;
}

export function differences(native: Outcomes, guest: Outcomes): Difference[] {
  const names = [...new Set([...native.keys(), ...guest.keys()])];
  return names
    .map((name) => ({ name, native: native.get(name), guest: guest.get(name) }))
    .filter((one) => one.native?.outcome !== one.guest?.outcome);
}

function describeOutcome(outcome: CaseOutcome | undefined): string {
  if (outcome === undefined) return 'was not run';
  return outcome.reason === '' ? outcome.outcome : `${outcome.outcome} (${outcome.reason})`;
}

export function describeDifference({ name, native, guest }: Difference): string {
  return `${name}\n  natively: ${describeOutcome(native)}\n  inside:   ${describeOutcome(guest)}`;
}

function isKnown({ name, guest }: Difference): boolean {
  return knownDifferences().some((row) => row.name === name && row.outcome === guest?.outcome);
}

/** Rows of the table about cases that were run and do not end as it says: each is to be taken out. */
export function staleRows(guest: Outcomes): string[] {
  return knownDifferences()
    .filter(({ name, outcome }) => guest.has(name) && guest.get(name)?.outcome !== outcome)
    .map(({ name, outcome }) => `${name}: ${outcome} by the table, and no longer`);
}

export interface Comparison {
  /** Differences that no row of the table explains, and rows that explain none. */
  readonly news: readonly string[];
  /** Differences that were not there again: cases that race with time on a busy machine. */
  readonly passing: readonly string[];
}

/** Compares, and runs again alone, on both sides, what differs and should not. */
export async function compare(
  module: string,
  platform: PlatformName,
  native: Outcomes,
  guest: Outcomes,
): Promise<Comparison> {
  const first = differences(native, guest).filter((one) => !isKnown(one));
  const stale = staleRows(guest);
  if (first.length === 0) return { news: stale, passing: [] };
  const names = first.map(({ name }) => name);
  const again = differences(
    await runModule(module, 'native', names),
    await runModule(module, platform, names),
  );
  const stays = (one: Difference): boolean => again.some(({ name }) => name === one.name);
  return {
    news: [...stale, ...again.map(describeDifference)],
    passing: first.filter((one) => !stays(one)).map(describeDifference),
  };
}

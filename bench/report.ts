/** A run of the benchmarks: which rows, on what host, and what came out. */
import { accessSync, constants } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';

import type { Diagnosis } from '../src/diagnosis.js';
import { ENVIRONMENT } from '../test/real/outcome.js';
import { judge, type Verdict } from './bars.js';
import type { Effort } from './effort.js';
import { groupsOf } from './groups.js';
import { measure, type Group, type Row, type Unit } from './sampler.js';
import { summarise, type Summary } from './statistics.js';

export interface Result extends Summary {
  readonly name: string;
  readonly unit: Unit;
  /** Rows of one group were sampled in turn. */
  readonly group: string;
}

export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

export interface Report {
  readonly host: {
    readonly class: string;
    readonly cpu: string;
    readonly cpus: number;
    readonly kernel: string;
    /** Processes that ran or wanted to, the mean of the minute before the first row: the rows' own are no part of it. */
    readonly load: number;
  };
  /** On less work, to show that everything runs: the figures say nothing. */
  readonly quick: boolean;
  readonly results: readonly Result[];
  /** The host lacks something that these need. */
  readonly leftOut: readonly LeftOut[];
  readonly failed: readonly LeftOut[];
  readonly bars: readonly Verdict[];
}

/** The groups that have rows whose names begin so, with no others; all without names. */
export function select(effort: Effort, names: readonly string[]): readonly Group[] {
  const wanted = ({ name }: Row): boolean =>
    names.length === 0 || names.some((prefix) => name.startsWith(prefix));
  return groupsOf(effort)
    .map((group) => ({ ...group, rows: group.rows.filter(wanted) }))
    .filter(({ rows }) => rows.length > 0);
}

function hasProgram(name: string): boolean {
  return ENVIRONMENT.PATH.split(':').some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why the host cannot give what a row needs; undefined where it can. */
function lackOf(need: string, { kvm, ptrace, reason }: Diagnosis): string | undefined {
  if (need === 'kvm') return kvm === null ? `no KVM: ${reason}` : undefined;
  if (need === 'ptrace') return ptrace.problem ?? undefined;
  return hasProgram(need) ? undefined : `${need} is not installed`;
}

/** Measures the groups; `progress` is told the name of each. */
export async function run(
  groups: readonly Group[],
  effort: Effort,
  diagnosis: Diagnosis,
  progress: (group: string) => void,
): Promise<Report> {
  const load = Number((loadavg()[0] ?? 0).toFixed(2));
  const results: Result[] = [];
  const leftOut: LeftOut[] = [];
  const failed: LeftOut[] = [];
  for (const group of groups) {
    progress(group.name);
    const possible = group.rows.filter(({ name, needs }) => {
      const reason = needs
        .map((need) => lackOf(need, diagnosis))
        .find((lack) => lack !== undefined);
      if (reason !== undefined) leftOut.push({ name, reason });
      return reason === undefined;
    });
    for (const { row, samples, failure } of await measure({ ...group, rows: possible }, effort)) {
      const { name, unit } = row;
      if (failure === undefined) {
        results.push({ name, unit, group: group.name, ...summarise(samples) });
      } else {
        failed.push({ name, reason: failure });
      }
    }
  }
  const { kvm, host } = diagnosis;
  return {
    host: {
      class: kvm?.class ?? 'no KVM',
      cpu: host.cpu,
      cpus: host.cpus,
      kernel: host.kernel,
      load,
    },
    quick: effort.quick,
    results,
    leftOut,
    failed,
    bars: judge(results),
  };
}

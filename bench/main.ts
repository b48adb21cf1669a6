/**
 * What Ringfence costs on this host, row beside row: `npm run bench -- [--json] [name…]`. A figure is worth
 * something only beside its peers of the same run, so compared rows are sampled in turn.
 */
import Table from 'cli-table3';
import { Command } from 'commander';

import { diagnose, type Diagnosis } from '../src/diagnosis.js';
import { memoryRows } from './kvm-memory.js';
import { cpuRows, nativeGetpid, startRows } from './programs.js';
import { kvmRaw, kvmRawExitless, ptraceRows } from './raw/raw-rows.js';
import { measure, type Group } from './sampler.js';
import { memorySandboxRow, startSandboxRow } from './sandboxes.js';
import { summarise, type Summary } from './statistics.js';
import { exitlessRows, kvmSwitchRows, ptraceSwitchRows } from './switch.js';

/** Switches that one sample is the mean of, and samples in a turn: some milliseconds a turn. */
const BATCH = 20;
const SAMPLES = 10;
/** The same of what takes a microsecond. */
const LONG_BATCH = 500;

const groups: readonly Group[] = [
  { rounds: 20, rows: [nativeGetpid] },
  { rounds: 50, rows: [kvmRaw(SAMPLES, BATCH), ...kvmSwitchRows(SAMPLES, BATCH)] },
  {
    rounds: 20,
    rows: [
      ...kvmRawExitless(SAMPLES, LONG_BATCH),
      ...exitlessRows(SAMPLES, LONG_BATCH),
      ...ptraceRows(SAMPLES, BATCH),
      ...ptraceSwitchRows(SAMPLES, BATCH),
    ],
  },
  { rounds: 20, rows: memoryRows(SAMPLES) },
  { rounds: 10, rows: cpuRows },
  { rounds: 20, rows: startRows },
  { rounds: 20, rows: [startSandboxRow] },
  { rounds: 3, rows: [memorySandboxRow] },
];

interface Result extends Summary {
  readonly name: string;
  readonly unit: string;
}

interface Report {
  readonly host: { readonly class: string; readonly cpu: string; readonly kernel: string };
  readonly results: readonly Result[];
}

/** The group with only the rows that are asked for and possible here. */
function select(group: Group, names: readonly string[], kvm: boolean): Group {
  const wanted = (name: string): boolean =>
    names.length === 0 || names.some((prefix) => name.startsWith(prefix));
  return { ...group, rows: group.rows.filter((row) => wanted(row.name) && (kvm || !row.needsKvm)) };
}

async function run(names: readonly string[], { host, kvm }: Diagnosis): Promise<Report> {
  const results: Result[] = [];
  for (const group of groups) {
    for (const [{ name, unit }, samples] of await measure(select(group, names, kvm !== null))) {
      results.push({ name, unit, ...summarise(samples) });
    }
  }
  return { host: { class: kvm?.class ?? 'no KVM', cpu: host.cpu, kernel: host.kernel }, results };
}

function format(report: Report): string {
  const table = new Table({
    head: ['name', 'unit', 'p10', 'p50', 'p90', 'n'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  });
  for (const { name, unit, p10, p50, p90, n } of report.results) {
    table.push([name, unit, p10, p50, p90, n]);
  }
  const { host } = report;
  return `host: ${host.class}, ${host.cpu}, Linux ${host.kernel}\n${table.toString()}`;
}

const program = new Command('bench')
  .description('Measures what Ringfence costs on this host.')
  .argument('[names...]', 'rows to measure, by the start of their names; all by default')
  .option('--json', 'print the report as JSON')
  .parse();

const diagnosis = await diagnose();
if (diagnosis.kvm === null) {
  console.error(`bench: ${diagnosis.reason}: only the native rows are measured`);
}
const report = await run(program.args, diagnosis);
console.log(program.opts<{ json?: true }>().json ? JSON.stringify(report) : format(report));

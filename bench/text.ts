/** The report as tables for a terminal. */
import Table from 'cli-table3';

import { groupBy } from './group-by.js';
import type { LeftOut, Report, Result } from './report.js';
import { splitName, WAYS } from './ways.js';

const plain = { head: [], border: [] };

export const hostLine = ({ host }: Report): string =>
  `${host.class}, ${host.cpu}, ${host.cpus} CPUs, Linux ${host.kernel}, load ${host.load}`;

/** What is wrong with every figure of the run; undefined where nothing is. */
export function caution({ quick, host }: Report): string | undefined {
  if (quick) return 'quick: on less work, so the figures say nothing';
  if (host.load > host.cpus / 4) return `others use this machine (load ${host.load}): run it again`;
  return undefined;
}

const figures = ({ p10, p50, p90 }: Result): string => `${p50} (${p10}–${p90})`;

/** A line a workload, a column a way: medians, and between which values eight tenths of the samples lie. */
function workloads(results: readonly Result[]): string | undefined {
  const lines = new Map<string, string[]>();
  for (const result of results) {
    const name = splitName(result.name);
    if (name === undefined) continue;
    const key = `${name.workload}, ${result.unit}`;
    const cells = lines.get(key) ?? WAYS.map(() => '');
    cells[WAYS.indexOf(name.way)] = figures(result);
    lines.set(key, cells);
  }
  if (lines.size === 0) return undefined;
  const table = new Table({
    head: ['workload', ...WAYS],
    colAligns: ['left', ...WAYS.map(() => 'right' as const)],
    style: plain,
  });
  for (const [key, cells] of lines) table.push([key, ...cells]);
  return table.toString();
}

/** The rows that are no workload's. */
function others(results: readonly Result[]): string | undefined {
  const rows = results.filter(({ name }) => splitName(name) === undefined);
  if (rows.length === 0) return undefined;
  const table = new Table({
    head: ['name', 'unit', 'p50 (p10–p90)', 'n'],
    colAligns: ['left', 'left', 'right', 'right'],
    style: plain,
  });
  for (const row of rows) table.push([row.name, row.unit, figures(row), row.n]);
  return table.toString();
}

function bars({ bars, results }: Report): string | undefined {
  if (bars.length === 0) return undefined;
  const table = new Table({
    head: ['bar', 'at most', 'is', ''],
    colAligns: ['left', 'right', 'right', 'left'],
    style: plain,
  });
  for (const { row, beside, atMost, value, met } of bars) {
    const unit =
      beside === undefined ? ` ${results.find(({ name }) => name === row)?.unit ?? ''}` : ' ×';
    table.push([
      beside === undefined ? row : `${row} / ${beside}`,
      `${atMost}${unit}`,
      `${value}${unit}`,
      met ? 'met' : 'missed',
    ]);
  }
  return table.toString();
}

/** Rows without a figure, those of one reason on one line. */
function without(rows: readonly LeftOut[], word: string): string | undefined {
  const byReason = groupBy(rows, ({ reason }) => reason);
  const lines = [...byReason].map(
    ([reason, same]) => `${word}: ${same.map(({ name }) => name).join(', ')}: ${reason}`,
  );
  return lines.length === 0 ? undefined : lines.join('\n');
}

export const format = (report: Report): string =>
  [
    `host: ${hostLine(report)}`,
    caution(report),
    workloads(report.results),
    others(report.results),
    bars(report),
    without(report.leftOut, 'left out'),
    without(report.failed, 'failed'),
  ]
    .filter((part) => part !== undefined)
    .join('\n');

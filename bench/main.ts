/**
 * What Ringfence costs on this host, row beside row: `npm run bench -- [--json] [--svg FILE] [--quick] [name…]`. A
 * figure is worth something only beside its peers of the same run, so compared rows are sampled in turn.
 */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';

import { diagnose } from '../src/diagnosis.js';
import { draw } from './chart.js';
import { run, select } from './report.js';
import { format } from './text.js';

interface Options {
  readonly json?: true;
  readonly svg?: string;
  readonly quick?: true;
  readonly list?: true;
}

const program = new Command('bench')
  .description('Measures what Ringfence costs on this host.')
  .argument('[names...]', 'rows to measure, by the start of their names; all by default')
  .option('--json', 'print the report as JSON')
  .option('--svg <file>', 'draw the report to a file as well')
  .option('--quick', 'do as little as shows that everything runs; measures nothing')
  .option('--list', 'print the names of the rows')
  .parse();

const options = program.opts<Options>();
const effort = { quick: options.quick === true };
const groups = select(effort, program.args);
if (groups.length === 0) program.error(`no row's name begins so; --list prints them`);

function progress(group: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Kmeasuring ${group}`);
}

if (options.list === true) {
  for (const { name } of groups.flatMap(({ rows }) => rows)) console.log(name);
} else {
  const report = await run(groups, effort, await diagnose(), progress);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (options.svg !== undefined) writeFileSync(options.svg, draw(report));
  console.log(options.json === true ? JSON.stringify(report) : format(report));
  if (report.failed.length > 0) process.exitCode = 1;
}

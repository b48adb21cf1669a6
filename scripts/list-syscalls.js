/**
 * Prints docs/syscalls.md from the system call table of src/; with --check compares the two, so
 * that the document cannot tell of another table than the one that answers.
 */
import { readFileSync } from 'node:fs';
import { rows } from '../src/kernel/syscalls/table.ts';

const DOCUMENT = new URL('../docs/syscalls.md', import.meta.url);

function list() {
  const lines = [...rows]
    .sort((a, b) => a.number - b.number)
    .map(
      ({ number, name, support, missing = '' }) =>
        `| ${number} | ${name} | ${support} | ${missing} |`,
    );
  const partial = rows.filter((row) => row.support === 'partial').length;
  return [
    '# System calls',
    '',
    '<!-- Written by `npm run docs:syscalls`; not by hand. -->',
    '',
    `${rows.length} of them have a row in the table: ${rows.length - partial} with all that Linux gives, ${partial} in part; the`,
    'last column says what is missing. Every other number answers `ENOSYS`.',
    '',
    '| number | name | support | missing |',
    '| -----: | ---- | ------- | ------- |',
    ...lines,
    '',
  ].join('\n');
}

if (!process.argv.includes('--check')) {
  process.stdout.write(list());
} else if (readFileSync(DOCUMENT, 'utf8') !== list()) {
  console.error('docs/syscalls.md tells of another table: npm run docs:syscalls');
  process.exitCode = 1;
}

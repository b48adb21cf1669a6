/** The cases that are known to end otherwise in a sandbox: the table of docs/cpython.md, which is the only copy. */
import { readFileSync } from 'node:fs';

const PAGE = new URL('../../docs/cpython.md', import.meta.url);
const ROW = /^\| `(test\.[\w.]+)` +\| (\w+) +\| (.+?) +\|$/;

export interface KnownDifference {
  readonly name: string;
  /** How it ends in a sandbox. */
  readonly outcome: string;
  readonly reason: string;
}

export function knownDifferences(): readonly KnownDifference[] {
  return readFileSync(PAGE, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, name, outcome, reason] = ROW.exec(line) ?? [];
      return name !== undefined && outcome !== undefined && reason !== undefined
        ? [{ name, outcome, reason }]
        : [];
    });
}

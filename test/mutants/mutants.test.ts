import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { MUTANTS } from './mutants.js';

const ROOT = join(import.meta.dirname, '..', '..');

it.each(MUTANTS)('the text that is broken stands once where it is said to: $name', (mutant) => {
  const text = readFileSync(join(ROOT, mutant.file), 'utf8');
  expect(text.split(mutant.text).length - 1).toBe(1);
});

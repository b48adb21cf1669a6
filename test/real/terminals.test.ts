/** Pseudo-terminals of the sandbox's own. */
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';
import { describePlatforms } from './platforms.js';
import { expectSameAsNative } from './same.js';

const PYTHON = '/usr/bin/python3';
const script = fileURLToPath(new URL('../guests/terminals.py', import.meta.url));

describePlatforms('terminals of the sandbox', () => {
  it('edit lines, send signals, control jobs and hang up as native ones', async () => {
    await expectSameAsNative([PYTHON, script]);
  });
});

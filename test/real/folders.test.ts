/** A folder of the host that is bound writable: programs find there what they would find outside. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { cacheFolder } from '../guests/build.js';
import { run, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSame } from './same.js';

const script = fileURLToPath(new URL('../guests/folder.py', import.meta.url));

describePlatforms('bound folders', () => {
  it('attributes, files without names, sockets, FIFOs and holes', async () => {
    // On a disk on both sides, where they have the same.
    const folder = mkdtempSync(join(cacheFolder('folders'), 'bound-'));
    try {
      const command = ['/usr/bin/python3', script, folder];
      const native = await run(command);
      expect(native.status).toBe(0);
      expectSame(await runGuest(command, { run: ['--bind', `${folder}:${folder}`] }), native);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** A short run of `npm run test:hostile`, which says what it looks for; a fixed seed, so that it is the same each time. */
import { expect, it } from 'vitest';

import { patience, workload } from '../patience.js';
import { readable, ROOT, run } from './outcome.js';
import { describePlatforms } from './platforms.js';

describePlatforms('random system calls from four threads', (platform) => {
  it(
    'end with the host process whole, nothing left over and nothing touched outside',
    async () => {
      const outcome = await run(
        [
          process.execPath,
          ...['--import', 'tsx', 'test/hostile/main.ts', '--seed', '1'],
          ...['--platform', platform, '--seconds', String(workload(12))],
        ],
        { cwd: ROOT },
      );
      const { status, stdout, stderr } = readable(outcome);
      expect([status, stderr], stdout).toEqual([0, '']);
      expect(stdout).toContain('nothing outside was touched');
    },
    patience(300_000),
  );
});

/** What builds, keeps and runs programs: make and gcc, git, Perl, Node.js. */
import { expect, it } from 'vitest';

import { describePlatforms } from './platforms.js';
import { itRunsAsNative } from './programs.js';
import { expectSameAsNative } from './same.js';

describePlatforms('development', () => {
  itRunsAsNative('make -j2 with gcc, and what it has built', {
    interpreter: ['/bin/sh'],
    script: 'make.sh',
    needs: { make: 'make', gcc: 'gcc', objdump: 'binutils' },
    bound: true,
  });

  itRunsAsNative('git: commits, branches, merges, gc, clones', {
    interpreter: ['/bin/sh'],
    script: 'git.sh',
    needs: { git: 'git' },
    bound: true,
  });

  itRunsAsNative('perl: pipes, fork, sockets, signals', {
    interpreter: ['/usr/bin/perl'],
    script: 'perl.pl',
    needs: { perl: 'perl' },
  });

  it('node -e', async () => {
    const script = 'console.log(process.argv.slice(1), 6 * 7); process.exitCode = 5';
    const native = await expectSameAsNative([process.execPath, '-e', script, 'one', 'two']);
    expect(native.status).toBe(5);
  });

  itRunsAsNative('node: workers, children, HTTP, files', {
    interpreter: [process.execPath],
    script: 'node.mjs',
  });
});

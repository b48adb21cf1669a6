/** Scripts that use most of what a shell has, and most of what a script calls. */
import { describePlatforms } from './platforms.js';
import { itRunsAsNative } from './programs.js';

/** Bash's own remark on a process substitution that it has waited for already; it comes or not, by chance. */
const withoutRemark = (text: string): string =>
  text.replace(/^.*wait_for: No record of process \d+\n/gm, '');

describePlatforms('shells', () => {
  itRunsAsNative('bash: jobs, traps, substitutions, coprocesses, arrays, tools', {
    interpreter: ['/bin/bash'],
    script: 'shell.bash',
    normalise: withoutRemark,
    needs: { xz: 'xz-utils' },
  });

  itRunsAsNative('dash', {
    interpreter: ['/bin/dash'],
    script: 'posix.sh',
    needs: { xz: 'xz-utils' },
  });

  itRunsAsNative('busybox sh, with the tools of its own', {
    interpreter: ['/bin/busybox', 'sh'],
    script: 'posix.sh',
    needs: { busybox: 'busybox-static' },
  });

  itRunsAsNative('job control on a terminal: bash, dash, busybox sh', {
    interpreter: ['/usr/bin/python3'],
    script: 'job-control.py',
    needs: { busybox: 'busybox-static', bash: 'bash' },
  });
});

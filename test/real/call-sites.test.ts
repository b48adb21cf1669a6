/** Programs whose system calls have been rewritten do what they do natively: docs/call-sites.md. */
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { describeKvm } from '../kvm.js';
import { runGuest } from './outcome.js';
import { expectSameAsNative } from './same.js';

const REWRITE = { run: ['--platform', 'kvm', '--rewrite-calls'] };

describeKvm('rewritten system calls', () => {
  it('are there, where a jump costs less than `syscall`', async () => {
    const platform = createKvmPlatform();
    const { hostClass } = platform;
    platform.dispose();
    const found = async (options: { run: readonly string[] }): Promise<string> =>
      (await runGuest([guest('call_sites'), 'rewritten'], options)).stdout.toString();
    expect(await found(REWRITE)).toBe(hostClass === 'deprivileged' ? '1\n' : '0\n');
    expect(await found({ run: ['--platform', 'kvm'] })).toBe('0\n');
  });

  it('are as they were for all that a program can do to them', async () => {
    const native = await expectSameAsNative([guest('call_sites')], REWRITE);
    expect(native.status).toBe(0);
    expect(native.stdout.toString()).toMatch(/executed: 2\n$/);
  });

  it.each(['threads', 'task_edges', 'processes', 'timers', 'events'] as const)(
    'are no hindrance to %s',
    async (name) => {
      await expectSameAsNative([guest(name)], REWRITE);
    },
  );

  it('are in children, shells and their programs', async () => {
    const script = `
      for i in 1 2 3 4 5 6; do (echo $i; echo $(echo in $i)); done | sort | cat
      find /usr/share/doc -name copyright | sort | head -n 50
      python3 -c 'import os, subprocess, threading
for i in range(5):
    print(subprocess.check_output(["echo", str(i)]), os.getppid() > 0)
    t = threading.Thread(target=os.listdir, args=("/",)); t.start(); t.join()
print(os.WEXITSTATUS(os.system("kill -TERM $$; exit 3")))'
      trap 'echo trapped' USR1; for i in 1 2 3 4 5; do kill -USR1 $$; done`;
    await expectSameAsNative(['/bin/bash', '-c', script], REWRITE);
  });
});

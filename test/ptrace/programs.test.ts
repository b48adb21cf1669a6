/** Real programs by ptrace: each does what it does natively, as the suites in test/real show for KVM. */
import { describe, expect, it } from 'vitest';
import { guest } from '../guests/build.js';
import { busybox } from '../real/busybox.js';
import { run, type Options } from '../real/outcome.js';
import { expectSameAsNative, expectSameAsShell } from '../real/same.js';

const PTRACE: Options = { run: ['--platform', 'ptrace'] };

const crashes = (await run([guest('crash')])).stdout.toString().trim().split('\n');

describe('by ptrace', () => {
  it.each(crashes)('crash by %s ends as a shell says it', async (name) => {
    await expectSameAsShell([guest('crash'), name], PTRACE);
  });

  it('a guest keeps registers, flags, vectors and red zone across system calls', async () => {
    const native = await expectSameAsNative([guest('registers'), '100000'], PTRACE);
    expect(native.status).toBe(0);
  });

  it('a guest keeps the bases of FS and GS', async () => {
    await expectSameAsNative([guest('segment_base')], PTRACE);
  });

  it('memory agrees with a model', async () => {
    await expectSameAsNative([guest('memory_model'), '1', '3000'], PTRACE);
  });

  it('programs of the host run, linked dynamically', async () => {
    await expectSameAsNative(['/bin/ls', '-lR', '/usr/share/doc'], PTRACE);
    await expectSameAsNative(['/usr/bin/env', 'A=1', '/usr/bin/env'], PTRACE);
    await expectSameAsNative(['/usr/bin/sort', '-k2', '-r'], {
      ...PTRACE,
      input: 'b 2\na 1\nc 3\n',
    });
  });

  it('busybox runs, linked statically', async () => {
    await expectSameAsNative([busybox(), 'sha256sum', '/etc/passwd', '-'], {
      ...PTRACE,
      input: 'from a pipe',
    });
    await expectSameAsNative(
      [busybox(), 'sh', '-c', 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; echo $i'],
      PTRACE,
    );
  });
});

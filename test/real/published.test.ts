/** Calls that are answered in the guest give what they give natively, whoever changes it: docs/doorway.md. */
import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';
import { patience } from '../patience.js';
import { readable, runGuest } from './outcome.js';
import { expectSameAsNative } from './same.js';

const MODES = {
  'leaving the guest': [],
  rewritten: ['--rewrite-calls'],
  'answered without leaving': ['--exitless', 'on'],
  'rewritten, and answered without leaving': ['--rewrite-calls', '--exitless', 'on'],
  'on one vCPU': ['--vcpus', '1', '--rewrite-calls'],
};
const PATIENCE = patience(120_000);

describeKvm('ids', () => {
  it.each(Object.entries(MODES))(
    'are the same as natively after every change: %s',
    { timeout: PATIENCE },
    async (_, options) => {
      const native = await expectSameAsNative([guest('identity')], {
        run: ['--platform', 'kvm', ...options],
      });
      expect(native.status).toBe(0);
      expect(native.stdout.toString()).toMatch(/beside it: 0\n$/);
    },
  );

  it.each([[], ['--rewrite-calls'], ['--vcpus', '1'], ['--exitless', 'on']])(
    'that a program forges are forged for itself alone: %s',
    { timeout: PATIENCE },
    async (...options) => {
      const outcome = readable(
        await runGuest([guest('identity'), 'forged'], { run: ['--platform', 'kvm', ...options] }),
      );
      expect(outcome).toMatchObject({ status: 0, stderr: '' });
      const lines = outcome.stdout.trim().split('\n');
      expect(lines).toHaveLength(5);
      for (const line of lines) expect(line).toMatch(/: 1$/);
    },
  );
});

it('ids are the same as natively by ptrace', { timeout: PATIENCE }, async () => {
  await expectSameAsNative([guest('identity')], { run: ['--platform', 'ptrace'] });
});

/**
 * Processors of bare metal may fault by what they remember of an entry that has changed (SDM volume 3, section
 * 4.10.4.3). No emulator and no shadow paging does, so the fault is injected: test/lanes/host_features.c.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeKvm } from '../kvm.js';
import { buildHostFeatures, HOST_FEATURES } from '../lanes/host-features.js';

describeKvm('a page fault', () => {
  beforeAll(buildHostFeatures);

  it('that no entry explains is not reported', () => {
    const rows = execFileSync(join(import.meta.dirname, '..', '..', HOST_FEATURES), {
      encoding: 'utf8',
    });
    expect(rows).toMatch(/^a write fault that nothing explains +is forgiven$/m);
  });
});

/**
 * Tests that need /dev/kvm are declared with `describeKvm`. Where the device cannot be opened they are skipped
 * and the run's last lines say how many; where it can, the reporter makes a skipped one fail the run.
 */
import { closeSync, openSync } from 'node:fs';
import { describe } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** What the test needs of the machine; the reporter counts skips by it. */
    needs?: string;
    /** Why what it needs is not to be had. */
    lacking?: string;
  }
}

/** Why /dev/kvm cannot be used, or undefined where it can. */
export function kvmLack(): string | undefined {
  try {
    closeSync(openSync('/dev/kvm', 'r+'));
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return '/dev/kvm is not there';
    if (code === 'EACCES' || code === 'EPERM') return 'no permission to open /dev/kvm';
    return `/dev/kvm cannot be opened (${code ?? 'unknown error'})`;
  }
}

const lacking = kvmLack();

/** /dev/kvm can be opened for reading and writing. */
export const haveKvm = lacking === undefined;

/** As vitest's `describe`, for suites whose tests run guests under KVM. */
export function describeKvm(name: string, define: () => void): void {
  const meta = lacking === undefined ? { needs: '/dev/kvm' } : { needs: '/dev/kvm', lacking };
  describe.skipIf(!haveKvm)(name, { meta }, define);
}

/**
 * The platforms that real programs run on. A suite that is declared by `describePlatforms` runs once on each: by KVM,
 * which the command takes by itself, and by ptrace, which it is told to take.
 */
import { beforeAll, describe } from 'vitest';

import { describeKvm } from '../kvm.js';

export type PlatformName = 'kvm' | 'ptrace';

const OPTIONS: Readonly<Record<PlatformName, readonly string[]>> = {
  kvm: [],
  ptrace: ['--platform', 'ptrace'],
};

/** A lane is for one platform. */
const only = process.env['RINGFENCE_TEST_PLATFORM'];
const skip = only !== undefined && only !== 'ptrace';
const lacking = `left out: this lane is for ${only ?? 'all'}`;

let current: PlatformName = 'kvm';

/** Options of `ringfence run` for the platform that the running suite is for. */
export function platformOptions(): readonly string[] {
  return OPTIONS[current];
}

export function describePlatforms(name: string, define: (platform: PlatformName) => void): void {
  const on = (platform: PlatformName) => () => {
    beforeAll(() => {
      current = platform;
    });
    define(platform);
  };
  describeKvm(`${name}, by KVM`, on('kvm'));
  describe.skipIf(skip)(`${name}, by ptrace`, skip ? { meta: { lacking } } : {}, on('ptrace'));
}

/** The platforms that the contract's suites run over, each where this machine has it. */
import { describe } from 'vitest';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import type { Platform } from '../../src/platform/contract.js';
import { createPtracePlatform } from '../../src/ptrace/platform.js';
import { describeKvm } from '../kvm.js';
import { Guest, type GuestOptions } from './guest.js';

export interface PlatformUnderTest {
  readonly name: 'kvm' | 'ptrace';
  readonly create: (options: GuestOptions) => Platform;
  /** A guest on it. */
  readonly guest: (source: string, options?: GuestOptions) => Guest;
}

function underTest(
  name: PlatformUnderTest['name'],
  create: PlatformUnderTest['create'],
): PlatformUnderTest {
  return { name, create, guest: (source, options) => new Guest(create, source, options) };
}

/** A lane is for one platform. */
const only = process.env['RINGFENCE_TEST_PLATFORM'];
const lacking = `left out: this lane is for ${only ?? 'all'}`;

/** Declares a suite once for each platform. */
export function describePlatforms(
  name: string,
  define: (platform: PlatformUnderTest) => void,
): void {
  describeKvm(`${name} [kvm]`, () => {
    define(underTest('kvm', createKvmPlatform));
  });
  const skip = only !== undefined && only !== 'ptrace';
  describe.skipIf(skip)(`${name} [ptrace]`, skip ? { meta: { lacking } } : {}, () => {
    define(underTest('ptrace', createPtracePlatform));
  });
}

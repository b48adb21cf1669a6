/** The platforms that the contract's suites run over, each where this machine has it. */
import { readFileSync } from 'node:fs';
import { describe } from 'vitest';
import { createKvmPlatform, KvmPlatform } from '../../src/kvm/platform.js';
import type { Platform } from '../../src/platform/contract.js';
import { createPtracePlatform } from '../../src/ptrace/platform.js';
import { describeKvm } from '../kvm.js';
import { stubsOf } from '../ptrace/stubs.js';
import { Guest, type GuestOptions } from './guest.js';

export interface PlatformUnderTest {
  readonly name: 'kvm' | 'kvm-exitless' | 'ptrace';
  readonly create: (options: GuestOptions) => Platform;
  /** What address spaces take of the host: pages of page tables, or mappings in the stub processes. */
  readonly tables: (platform: Platform) => number;
  /** A guest on it. */
  readonly guest: (source: string, options?: GuestOptions) => Guest;
}

function underTest(
  name: PlatformUnderTest['name'],
  create: PlatformUnderTest['create'],
): PlatformUnderTest {
  return { name, create, tables, guest: (source, options) => new Guest(create, source, options) };
}

function tables(platform: Platform): number {
  if (platform instanceof KvmPlatform) return platform.pageTablePages;
  return stubsOf()
    .flatMap(({ pid }) => readFileSync(`/proc/${pid}/maps`, 'latin1').trimEnd().split('\n'))
    .filter((line) => !/ringfence-stub|\[vsyscall\]/.test(line)).length;
}

/** A lane is for one platform. */
const only = process.env['RINGFENCE_TEST_PLATFORM'];
const lacking = `left out: this lane is for ${only ?? 'all'}`;

const CREATE: Record<PlatformUnderTest['name'], PlatformUnderTest['create']> = {
  kvm: (options) => createKvmPlatform({ ...options, exitless: 'off' }),
  'kvm-exitless': (options) => createKvmPlatform({ ...options, exitless: 'on' }),
  ptrace: createPtracePlatform,
};

export function platformNamed(name: PlatformUnderTest['name']): PlatformUnderTest {
  return underTest(name, CREATE[name]);
}

/** Declares a suite once for each platform. */
export function describePlatforms(
  name: string,
  define: (platform: PlatformUnderTest) => void,
): void {
  describeKvm(`${name} [kvm]`, () => {
    define(platformNamed('kvm'));
  });
  if (only === undefined) {
    describeKvm(`${name} [kvm-exitless]`, () => {
      define(platformNamed('kvm-exitless'));
    });
  }
  const skip = only !== undefined && only !== 'ptrace';
  describe.skipIf(skip)(`${name} [ptrace]`, skip ? { meta: { lacking } } : {}, () => {
    define(platformNamed('ptrace'));
  });
}

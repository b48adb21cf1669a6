/** The first machine of a process runs the self-test; those that come after go by what it has found. */
import { expect, it } from 'vitest';
import { native } from '../../src/host/native.js';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { describeKvm } from '../kvm.js';

describeKvm('a second machine', () => {
  it('has what the first has found, also when that is gone', () => {
    const facts = (): unknown => {
      const platform = createKvmPlatform();
      try {
        const { hostClass, maxUserAddress, hasHostCounter } = platform;
        return { hostClass, maxUserAddress, hasHostCounter };
      } finally {
        platform.dispose();
      }
    };
    const first = facts();
    expect(facts()).toEqual(first);
    expect(facts()).toEqual(first);
  });

  it('of another device is tested by itself', () => {
    createKvmPlatform().dispose();
    expect(() => new native.Machine('/dev/null')).toThrow(/capabilities|ioctl/i);
  });
});

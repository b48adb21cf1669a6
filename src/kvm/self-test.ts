/** What KVM is like on this host, found by running a guest of one instruction. */
import { native } from '../host/native.js';
import { PlatformError } from '../platform/errors.js';

export interface SelfTest {
  /** Whether `syscall` arrives at CPL 0 (`hardware`) or at LSTAR, still at CPL 3 (`deprivileged`). */
  readonly class: 'hardware' | 'deprivileged';
  readonly apiVersion: number;
  /** What KVM_CHECK_EXTENSION says, by the names of <linux/kvm.h>. */
  readonly capabilities: Readonly<Record<string, number>>;
}

/** @throws {PlatformError} where no guest can be run */
export function selfTest(device = '/dev/kvm'): SelfTest {
  const found = native.kvmCapabilities(device);
  if (typeof found === 'number') throw new PlatformError(`cannot open ${device}: errno ${-found}`);
  const { KVM_API_VERSION: apiVersion = 0, ...capabilities } = found;
  const machine = new native.Machine(device, native.constants.exitlessOff);
  try {
    return { class: machine.hostClass, apiVersion, capabilities };
  } finally {
    machine.dispose();
  }
}

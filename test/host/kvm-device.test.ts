import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KvmDeviceFacts } from '../../src/host/kvm-device.js';
import { inspectKvmDevice, problemOf, remedyFor } from '../../src/host/kvm-device.js';

const missing: KvmDeviceFacts = {
  path: '/dev/kvm',
  state: 'missing',
  error: 'ENOENT',
  cpuFlag: undefined,
  kernelHasKvm: false,
  group: undefined,
  user: 'ada',
  isRoot: false,
};
const denied: KvmDeviceFacts = { ...missing, state: 'denied', error: 'EACCES', cpuFlag: 'vmx' };

describe('what mends a missing device', () => {
  it('is the module for the processor', () => {
    expect(remedyFor({ ...missing, cpuFlag: 'vmx' })).toBe('sudo modprobe kvm_intel');
    expect(remedyFor({ ...missing, cpuFlag: 'svm' })).toBe('sudo modprobe kvm_amd');
  });

  it('is the container engine, where the kernel has KVM already', () => {
    expect(remedyFor({ ...missing, kernelHasKvm: true })).toContain('--device /dev/kvm');
  });

  it('is no command where there is no virtualization, and the problem says so', () => {
    expect(remedyFor(missing)).toBeUndefined();
    expect(problemOf(missing)).toContain('this machine offers no virtualization');
  });
});

describe('what mends a device that may not be opened', () => {
  it('is the group that may', () => {
    expect(remedyFor({ ...denied, group: 'kvm' })).toMatch(/^sudo usermod -aG kvm ada/);
  });

  it('is an access entry where no group may', () => {
    expect(remedyFor(denied)).toBe('sudo setfacl -m u:ada:rw /dev/kvm');
  });

  it('is the container engine for root, whom no file mode stops', () => {
    expect(remedyFor({ ...denied, isRoot: true })).toContain('--device /dev/kvm');
  });
});

it('tells a device that is not there from one that opens', () => {
  expect(inspectKvmDevice('/nonexistent/kvm')).toMatchObject({ state: 'missing' });
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-'));
  try {
    const file = join(folder, 'kvm');
    writeFileSync(file, '');
    expect(inspectKvmDevice(file)).toMatchObject({ state: 'usable', problem: undefined });
    expect(inspectKvmDevice(folder)).toMatchObject({ state: 'broken', error: 'EISDIR' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

import { describe, expect, it } from 'vitest';
import { formatDiagnosis } from '../../src/cli/doctor.js';
import type { Diagnosis } from '../../src/diagnosis.js';
import { diagnose } from '../../src/diagnosis.js';
import { describeKvm } from '../kvm.js';
import { ringfence } from './command.js';

/** The shape that users of `--json` rely on. */
const SCHEMA = {
  runnable: expect.any(Boolean) as boolean,
  reason: expect.any(String) as string,
  device: { path: expect.any(String) as string, state: expect.any(String) as string },
  host: {
    cpu: expect.any(String) as string,
    cpus: expect.any(Number) as number,
    memory: expect.any(Number) as number,
    kernel: expect.any(String) as string,
    node: process.version,
  },
  features: {
    memfd: expect.any(Boolean) as boolean,
    openat2: expect.any(Boolean) as boolean,
  },
};

function parse(json: string): Diagnosis {
  return JSON.parse(json) as Diagnosis;
}

describe('without a device', () => {
  const env = { RINGFENCE_KVM_DEVICE: '/nonexistent/kvm' };

  it('gives JSON that says so, and that ptrace takes its place', () => {
    const { status, stdout, stderr } = ringfence(['doctor', '--json'], { env });
    expect(parse(stdout)).toMatchObject({
      ...SCHEMA,
      runnable: true,
      platform: 'ptrace',
      ptrace: { problem: null },
      kvm: null,
      device: { path: '/nonexistent/kvm', state: 'missing' },
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('gives a table that says so', () => {
    const { status, stdout } = ringfence(['doctor'], { env });
    expect(stdout).toMatch(/Guests run here, by ptrace: \/nonexistent\/kvm is not there/);
    expect(status).toBe(0);
  });
});

describe('with a device that does not do', () => {
  it('reports a self-test that fails, and throws nothing', async () => {
    const kvm = (): Promise<never> => Promise.reject(new Error('the guest did not halt'));
    const diagnosis = await diagnose({ kvm });
    expect(diagnosis.platform).toBe('ptrace');
    expect(diagnosis.kvm).toBeNull();
  });

  it('names what is wrong with each platform where no guest can be run', async () => {
    const kvm = (): Promise<never> => Promise.reject(new Error('the guest did not halt'));
    const ptrace = (): Promise<never> => Promise.reject(new Error('no process may be traced'));
    const diagnosis = await diagnose({ kvm, ptrace });
    expect(diagnosis.runnable).toBe(false);
    expect(diagnosis.platform).toBeNull();
    expect(diagnosis.reason).toMatch(/no process may be traced$/);
    expect(await formatDiagnosis(diagnosis)).toMatch(/Guests cannot run here/);
  });
});

it('prints the remedy as a command on a line of its own', async () => {
  const remedy = 'sudo modprobe kvm_intel';
  const diagnosis = await diagnose({ kvm: () => Promise.reject(new Error('no')) });
  expect(await formatDiagnosis({ ...diagnosis, remedy })).toMatch(/^ {2}sudo modprobe kvm_intel$/m);
});

describeKvm('with KVM', () => {
  it('gives JSON with the class of host and the capabilities, and status 0', () => {
    const { status, stdout } = ringfence(['doctor', '--json']);
    const diagnosis = parse(stdout);
    expect(diagnosis).toMatchObject({
      ...SCHEMA,
      runnable: true,
      platform: 'kvm',
      device: { path: '/dev/kvm', state: 'usable' },
      kvm: { apiVersion: 12 },
    });
    expect(['hardware', 'deprivileged']).toContain(diagnosis.kvm?.class);
    expect(diagnosis.kvm?.capabilities).toHaveProperty('KVM_CAP_SYNC_REGS');
    expect(status).toBe(0);
  });
});

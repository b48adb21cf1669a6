/** Whether this machine can run guests, by which platform, and what to do where it cannot. */
import { readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';
import type { KvmDeviceState } from './host/kvm-device.js';
import { inspectKvmDevice, kvmDevicePath } from './host/kvm-device.js';

/** What KVM says of itself once its device is open. */
export interface KvmReport {
  /** How `syscall` and page-table edits behave in a guest: see docs/architecture.md. */
  readonly class: 'hardware' | 'deprivileged';
  readonly apiVersion: number;
  /** Capabilities by their names in <linux/kvm.h>, and what KVM_CHECK_EXTENSION returns for them. */
  readonly capabilities: Readonly<Record<string, number>>;
}

export interface Diagnosis {
  /** Guests can run here. */
  readonly runnable: boolean;
  /** The platform that `auto` takes; null where there is none. */
  readonly platform: 'kvm' | null;
  /** Why that one, or why none. */
  readonly reason: string;
  /** The one command that mends what is missing; null where nothing is, or where no command can. */
  readonly remedy: string | null;
  readonly device: {
    readonly path: string;
    readonly state: KvmDeviceState;
  };
  /** Null where the device could not be opened or the self-test failed. */
  readonly kvm: KvmReport | null;
  readonly host: {
    readonly cpu: string;
    readonly cpus: number;
    readonly memory: number;
    readonly kernel: string;
    readonly node: string;
  };
  /** System calls of the host that Ringfence makes use of. */
  readonly features: {
    readonly memfd: boolean;
    readonly openat2: boolean;
  };
  /** Soft limits, getrlimit(2); null for none. */
  readonly limits: {
    readonly openFiles: number | null;
    readonly lockedMemory: number | null;
  };
}

/** How the KVM report is got; a parameter, so that a failing one can be tested. */
export type KvmProbe = () => Promise<KvmReport>;

/** Looks at the machine. Throws nothing: what is wrong is in what it returns. */
export async function diagnose(probe: KvmProbe = probeKvm): Promise<Diagnosis> {
  const device = inspectKvmDevice();
  const { features, limits } = await inspectHost();
  let kvm: KvmReport | null = null;
  let problem = device.problem;
  if (problem === undefined) {
    try {
      kvm = await probe();
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
  }
  if (problem === undefined && !features.memfd) problem = 'memfd_create(2) does not work here';
  return {
    runnable: problem === undefined,
    platform: problem === undefined ? 'kvm' : null,
    reason: problem ?? `${device.path} opens and the self-test passed`,
    remedy: device.remedy ?? null,
    device: { path: device.path, state: device.state },
    kvm,
    host: describeHost(),
    features,
    limits,
  };
}

/** Opens a machine and runs the few instructions that tell the classes apart. */
async function probeKvm(): Promise<KvmReport> {
  const { selfTest } = await import('./kvm/self-test.js');
  return selfTest(kvmDevicePath());
}

function describeHost(): Diagnosis['host'] {
  return {
    cpu: cpuModel(),
    cpus: availableParallelism(),
    memory: totalmem(),
    kernel: release(),
    node: process.version,
  };
}

function cpuModel(): string {
  try {
    const match = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
    return match?.[1]?.trim() ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

async function inspectHost(): Promise<Pick<Diagnosis, 'features' | 'limits'>> {
  const libc = await import('./host/libc.js');
  try {
    return {
      features: { memfd: libc.haveMemfd(), openat2: libc.haveOpenat2() },
      limits: {
        openFiles: finiteOrNull(libc.getrlimit(libc.RLIMIT.nofile)?.soft),
        lockedMemory: finiteOrNull(libc.getrlimit(libc.RLIMIT.memlock)?.soft),
      },
    };
  } finally {
    libc.closeLibc();
  }
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

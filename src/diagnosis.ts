/** Whether this machine can run guests, by which platform, and what to do where it cannot. */
import { readFileSync } from 'node:fs';
import { availableParallelism, release, totalmem } from 'node:os';
import type { KvmDeviceState } from './host/kvm-device.js';
import { inspectKvmDevice, kvmDevicePath } from './host/kvm-device.js';
import type { PlatformName } from './options.js';

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
  readonly platform: PlatformName | null;
  /** Why that one, or why none. */
  readonly reason: string;
  /** The one command that gives KVM where it is missing; null where it is not, or where no command can. */
  readonly remedy: string | null;
  readonly device: {
    readonly path: string;
    readonly state: KvmDeviceState;
  };
  /** Null where the device could not be opened or the self-test failed. */
  readonly kvm: KvmReport | null;
  readonly ptrace: {
    /** Why guests cannot run by ptrace; null where they can. */
    readonly problem: string | null;
  };
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

/** How the platforms are tried; parameters, so that failing ones can be tested. */
export interface Probes {
  readonly kvm: () => Promise<KvmReport>;
  /** Rejects where guests cannot run by ptrace. */
  readonly ptrace: () => Promise<void>;
}

/** Looks at the machine. Throws nothing: what is wrong is in what it returns. */
export async function diagnose(probes: Partial<Probes> = {}): Promise<Diagnosis> {
  const device = inspectKvmDevice();
  const { features, limits } = await inspectHost();
  const noMemfd = features.memfd ? undefined : 'memfd_create(2) does not work here';
  let kvm: KvmReport | null = null;
  const kvmProblem =
    device.problem ??
    noMemfd ??
    (await problemOf(async () => {
      kvm = await (probes.kvm ?? probeKvm)();
    }));
  const ptraceProblem = noMemfd ?? (await problemOf(probes.ptrace ?? probePtrace));
  return {
    ...chosen(kvmProblem, ptraceProblem, `${device.path} opens and the self-test passed`),
    remedy: device.remedy ?? null,
    device: { path: device.path, state: device.state },
    kvm,
    ptrace: { problem: ptraceProblem ?? null },
    host: describeHost(),
    features,
    limits,
  };
}

/** What `auto` takes, and why. */
function chosen(
  kvmProblem: string | undefined,
  ptraceProblem: string | undefined,
  kvmReason: string,
): Pick<Diagnosis, 'runnable' | 'platform' | 'reason'> {
  if (kvmProblem === undefined) return { runnable: true, platform: 'kvm', reason: kvmReason };
  if (ptraceProblem === undefined)
    return { runnable: true, platform: 'ptrace', reason: kvmProblem };
  return { runnable: false, platform: null, reason: `${kvmProblem}; and ${ptraceProblem}` };
}

async function problemOf(probe: () => Promise<void>): Promise<string | undefined> {
  try {
    await probe();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Makes a stub process. */
async function probePtrace(): Promise<void> {
  const { createPtracePlatform } = await import('./ptrace/platform.js');
  createPtracePlatform().dispose();
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

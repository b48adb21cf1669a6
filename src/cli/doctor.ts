/** `ringfence doctor`: the diagnosis of this machine, as a table or as JSON. */
import type { Diagnosis } from '../diagnosis.js';
import { diagnose } from '../diagnosis.js';

export interface DoctorOptions {
  readonly json?: boolean;
}

/** Prints the diagnosis; status 0 where guests can run, else 1. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const diagnosis = await diagnose();
  process.stdout.write(
    options.json ? `${JSON.stringify(diagnosis, null, 2)}\n` : await formatDiagnosis(diagnosis),
  );
  return diagnosis.runnable ? 0 : 1;
}

/** The table, and under it the verdict and what to do. */
export async function formatDiagnosis(diagnosis: Diagnosis): Promise<string> {
  const [{ default: Table }, { default: colors }] = await Promise.all([
    import('cli-table3'),
    import('picocolors'),
  ]);
  const table = new Table({
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  for (const [name, value] of describe(diagnosis)) table.push([colors.bold(name), value]);
  const verdict = diagnosis.runnable
    ? colors.green(`Guests run here, by ${diagnosis.platform ?? ''}: ${diagnosis.reason}.`)
    : colors.red(`Guests cannot run here: ${diagnosis.reason}.`);
  const remedy = diagnosis.remedy === null ? [] : ['To have KVM:', `  ${diagnosis.remedy}`];
  return [table.toString(), verdict, ...remedy, ''].join('\n');
}

function describe(diagnosis: Diagnosis): [name: string, value: string][] {
  const { device, features, host, kvm, limits, ptrace } = diagnosis;
  return [
    ['Processor', `${host.cpu}, ${host.cpus} CPUs, ${formatBytes(host.memory)}`],
    ['Kernel', `Linux ${host.kernel}`],
    ['Node.js', host.node],
    [device.path, device.state],
    ['Class of host', kvm === null ? 'unknown' : CLASSES[kvm.class]],
    ['KVM API', kvm === null ? 'unknown' : String(kvm.apiVersion)],
    ['Capabilities', kvm === null ? 'unknown' : formatCapabilities(kvm.capabilities)],
    ['ptrace', ptrace.problem ?? 'works'],
    ['memfd_create', features.memfd ? 'works' : 'does not work'],
    ['openat2', features.openat2 ? 'works' : 'does not work'],
    ['Open files', limits.openFiles === null ? 'no limit' : `at most ${limits.openFiles}`],
    [
      'Locked memory',
      limits.lockedMemory === null ? 'no limit' : `at most ${formatBytes(limits.lockedMemory)}`,
    ],
  ];
}

const CLASSES = {
  hardware: 'hardware (guest ring 0 runs natively)',
  deprivileged: 'deprivileged (guest ring 0 is emulated, guest ring 3 runs natively)',
} as const;

function formatCapabilities(capabilities: Readonly<Record<string, number>>): string {
  return Object.entries(capabilities)
    .map(([name, value]) => `${name} ${value}`)
    .join('\n');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${UNITS[unit] ?? ''}`;
}

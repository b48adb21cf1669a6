/** /dev/kvm as a file: whether it is there, whether we may open it, and the one command that mends it. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { userInfo } from 'node:os';

export type KvmDeviceState = 'usable' | 'missing' | 'denied' | 'broken';

/** What the remedy is chosen by; separate from how it is found out, so that every case can be tested. */
export interface KvmDeviceFacts {
  readonly path: string;
  readonly state: KvmDeviceState;
  /** errno name of the failed open(2). */
  readonly error: string | undefined;
  /** The processor's virtualization flag, as /proc/cpuinfo has it. */
  readonly cpuFlag: 'vmx' | 'svm' | undefined;
  /** The kernel has KVM loaded, so that only the device file is missing: a container. */
  readonly kernelHasKvm: boolean;
  /** Group that may open the device, where its mode lets the group read and write. */
  readonly group: string | undefined;
  readonly user: string;
  /** The user is root, so that no file mode is what denies. */
  readonly isRoot: boolean;
}

export interface KvmDevice extends KvmDeviceFacts {
  /** One sentence on what is wrong; undefined where nothing is. */
  readonly problem: string | undefined;
  /** The one command that mends it, where a command can. */
  readonly remedy: string | undefined;
}

/** What gives the device to a container that was started without it. */
const CONTAINER_REMEDY = 'docker run --device /dev/kvm ...';

/** The device file; RINGFENCE_KVM_DEVICE names another. */
export function kvmDevicePath(): string {
  return process.env.RINGFENCE_KVM_DEVICE ?? '/dev/kvm';
}

/** Whether it opens; what else there is to know takes milliseconds on a machine of many processors. */
export function canOpenKvmDevice(path = kvmDevicePath()): boolean {
  return openError(path) === undefined;
}

export function inspectKvmDevice(path = kvmDevicePath()): KvmDevice {
  const facts = gatherFacts(path);
  return { ...facts, problem: problemOf(facts), remedy: remedyFor(facts) };
}

export function problemOf(facts: KvmDeviceFacts): string | undefined {
  switch (facts.state) {
    case 'usable':
      return undefined;
    case 'missing':
      if (facts.kernelHasKvm) return `${facts.path} is not there, though the kernel has KVM`;
      if (facts.cpuFlag !== undefined) return `${facts.path} is not there: KVM is not loaded`;
      return `${facts.path} is not there: this machine offers no virtualization`;
    case 'denied':
      return `${facts.path} may not be opened by ${facts.user}`;
    case 'broken':
      return `${facts.path} cannot be opened (${facts.error ?? 'unknown error'})`;
  }
}

export function remedyFor(facts: KvmDeviceFacts): string | undefined {
  switch (facts.state) {
    case 'usable':
    case 'broken':
      return undefined;
    case 'missing':
      if (facts.kernelHasKvm) return CONTAINER_REMEDY;
      if (facts.cpuFlag === 'vmx') return 'sudo modprobe kvm_intel';
      if (facts.cpuFlag === 'svm') return 'sudo modprobe kvm_amd';
      return undefined;
    case 'denied':
      if (facts.isRoot) return CONTAINER_REMEDY;
      // A new group counts from the next login on; `newgrp` starts a shell that has it now.
      return facts.group === undefined
        ? `sudo setfacl -m u:${facts.user}:rw ${facts.path}`
        : `sudo usermod -aG ${facts.group} ${facts.user} && newgrp ${facts.group}`;
  }
}

function gatherFacts(path: string): KvmDeviceFacts {
  const error = openError(path);
  return {
    path,
    state: stateOf(error),
    error,
    cpuFlag: readCpuFlag(),
    kernelHasKvm: existsSync('/sys/devices/virtual/misc/kvm'),
    group: groupOf(path),
    user: userName(),
    isRoot: process.geteuid?.() === 0,
  };
}

function openError(path: string): string | undefined {
  try {
    closeSync(openSync(path, constants.O_RDWR));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error';
  }
}

function stateOf(error: string | undefined): KvmDeviceState {
  if (error === undefined) return 'usable';
  if (error === 'ENOENT' || error === 'ENOTDIR') return 'missing';
  if (error === 'EACCES' || error === 'EPERM') return 'denied';
  return 'broken';
}

function readCpuFlag(): 'vmx' | 'svm' | undefined {
  const match = /^flags\s*:.*\b(vmx|svm)\b/m.exec(readText('/proc/cpuinfo'));
  return match?.[1] as 'vmx' | 'svm' | undefined;
}

function groupOf(path: string): string | undefined {
  try {
    const { gid, mode } = statSync(path);
    if ((mode & 0o060) !== 0o060 || gid === 0) return undefined;
    return new RegExp(`^([^:]*):[^:]*:${gid}:`, 'm').exec(readText('/etc/group'))?.[1];
  } catch {
    return undefined;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '$USER';
  }
}

function readText(path: string): string {
  try {
    accessSync(path, constants.R_OK);
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

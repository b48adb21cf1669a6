/** Takes the best platform that this machine has, or the one that is asked for. */
import { PlatformError } from '../errors.js';
import { canOpenKvmDevice, inspectKvmDevice, kvmDevicePath } from '../host/kvm-device.js';
import type { NativeSpareMachine } from '../host/native.js';
import type { PlatformOptions } from '../options.js';
import type { Platform } from '../platform/contract.js';
import { UnavailableError } from '../platform/errors.js';

const DEFAULT_MEMORY = 2 * 1024 ** 3;

/**
 * Makes a platform. Dispose of it when done: it holds a virtual machine or processes, memory and threads.
 * @throws {PlatformError} where this machine has none; the message says what to do
 */
export async function createPlatform(
  options: PlatformOptions = {},
  spare?: NativeSpareMachine,
): Promise<Platform> {
  const { platform = 'auto' } = options;
  if (platform === 'ptrace') return createPtrace(options);
  try {
    return await createKvm(options, spare);
  } catch (error) {
    if (platform === 'kvm' || !(error instanceof UnavailableError)) throw error;
    return await fallBack(options, error);
  }
}

async function createKvm(
  options: PlatformOptions,
  spare: NativeSpareMachine | undefined,
): Promise<Platform> {
  const device = kvmDevicePath();
  if (!canOpenKvmDevice(device)) throw unavailable(device);
  const { createKvmPlatform } = await import('../kvm/platform.js');
  return createKvmPlatform({
    ...sizesOf(options),
    device,
    callSites: options.rewriteCalls === true,
    exitless: options.exitless ?? 'auto',
    ...(spare === undefined ? {} : { spare }),
  });
}

function unavailable(path: string): UnavailableError {
  const device = inspectKvmDevice(path);
  const remedy = device.remedy === undefined ? '' : `; try: ${device.remedy}`;
  const problem = device.problem ?? `${path} did not open`;
  return new UnavailableError(`${problem}${remedy} ('ringfence doctor' says more)`);
}

async function createPtrace(options: PlatformOptions): Promise<Platform> {
  const { createPtracePlatform } = await import('../ptrace/platform.js');
  return createPtracePlatform(sizesOf(options));
}

/** The ptrace platform in place of KVM, which fails with `cause`. */
async function fallBack(options: PlatformOptions, cause: UnavailableError): Promise<Platform> {
  try {
    const platform = await createPtrace(options);
    options.onFallback?.(`${cause.message}; guests run by ptrace instead`);
    return platform;
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    throw new PlatformError(`${cause.message}; and ${error.message}`, { cause: error });
  }
}

function sizesOf(options: PlatformOptions): { memoryLimit: number; vcpus?: number } {
  return {
    memoryLimit: options.memory ?? DEFAULT_MEMORY,
    ...(options.vcpus === undefined ? {} : { vcpus: options.vcpus }),
  };
}

/** Chooses the thread that a sandbox lives on. */
import type { SandboxOptions } from '../options.js';
import type { SandboxHost } from './sandbox-host.js';

const THREADS: readonly unknown[] = ['worker', 'own', 'caller'];

/** What is not used is not loaded: the kernel, where the sandbox is on a worker. */
export async function createHost(options: SandboxOptions): Promise<SandboxHost> {
  const { thread = usualThread(options), onSyscall, ...rest } = options;
  if (!THREADS.includes(thread)) {
    throw new TypeError(`thread is 'worker', 'own' or 'caller', not ${JSON.stringify(thread)}`);
  }
  if (thread !== 'caller') {
    const { RemoteSandbox } = await import('../worker/remote-sandbox.js');
    return RemoteSandbox.create({ ...options, thread });
  }
  if (onSyscall instanceof URL) {
    throw new TypeError("onSyscall: with thread 'caller' it is functions, not the URL of a module");
  }
  const { LocalSandbox } = await import('./local-sandbox.js');
  return LocalSandbox.create({ ...rest, ...(onSyscall === undefined ? {} : { onSyscall }) });
}

function usualThread({ platform, onSyscall }: SandboxOptions): 'worker' | 'caller' {
  const hasFunctions = onSyscall !== undefined && !(onSyscall instanceof URL);
  return typeof platform === 'object' || hasFunctions ? 'caller' : 'worker';
}

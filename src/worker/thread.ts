/** Worker threads for sandboxes: one that all share, and those of a single one. */
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PlatformError } from '../errors.js';
import type { CreateRequest } from './messages.js';

/** Built by `npm run build`, whether this runs from the bundle or from its source. */
const ENTRY = fileURLToPath(new URL('../../dist/bundle/worker.cjs', import.meta.url));
/** Milliseconds that the shared thread waits for another sandbox before it ends. */
const IDLE = 10_000;

export class SandboxThread {
  static #shared: SandboxThread | undefined;

  readonly #worker: Worker;
  /** Told when the thread ends, each a sandbox. */
  readonly #tenants = new Set<(error: Error) => void>();
  #holds = 0;
  #idle: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  /** Every tenant leaves, and the thread ends with the last, or some time after it where it is shared. */
  static take(isShared: boolean): SandboxThread {
    if (!isShared) return new SandboxThread(false);
    SandboxThread.#shared ??= new SandboxThread(true);
    return SandboxThread.#shared;
  }

  private constructor(readonly isShared: boolean) {
    this.#worker = new Worker(ENTRY, { name: 'ringfence', workerData: { isShared } });
    this.#worker.on('error', (error) => this.#ended(error));
    this.#worker.on('exit', () => this.#ended());
    // What keeps Node.js from its end is what is under way, not the thread.
    this.#worker.unref();
  }

  #ended(cause?: unknown): void {
    if (SandboxThread.#shared === this) SandboxThread.#shared = undefined;
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    this.#failure ??= new PlatformError(`the thread of the sandbox has ended${reason}`, { cause });
    for (const tell of [...this.#tenants]) tell(this.#failure);
  }

  /** `onEnd` is told if the thread ends before the tenant leaves. */
  enter(request: CreateRequest, onEnd: (error: Error) => void): void {
    clearTimeout(this.#idle);
    this.#tenants.add(onEnd);
    this.#worker.postMessage(request, [request.port]);
    if (this.#failure !== undefined) onEnd(this.#failure);
  }

  async leave(onEnd: (error: Error) => void): Promise<void> {
    this.#tenants.delete(onEnd);
    if (this.#tenants.size > 0) return;
    if (!this.isShared) await this.#worker.terminate();
    else this.#idle = setTimeout(() => void this.#endIdle(), IDLE).unref();
  }

  async #endIdle(): Promise<void> {
    if (SandboxThread.#shared === this) SandboxThread.#shared = undefined;
    await this.#worker.terminate();
  }

  /** Node.js does not end until what it gives is called. */
  hold(): () => void {
    if (this.#holds++ === 0) this.#worker.ref();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#holds === 0) this.#worker.unref();
    };
  }
}

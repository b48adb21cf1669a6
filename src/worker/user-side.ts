/** What stays on the user's thread of the options of a sandbox: their functions. */
import type { UserFileSystem } from '../kernel/fs/user/user-file-system.js';
import type { TraceEvent } from '../kernel/trace/trace-event.js';
import type { SandboxOptions } from '../options.js';
import { traceTo } from '../trace/trace-to.js';
import { recordOf } from './error-record.js';
import type { Answer, PlainOptions, RemoteOptions, Report } from './messages.js';

export class UserSide {
  /** `performance.timeOrigin` of the worker. */
  timeOrigin = performance.timeOrigin;
  readonly #trace: ReturnType<typeof traceOf>;
  readonly #mounts: Readonly<Record<string, UserFileSystem>>;

  constructor(readonly options: SandboxOptions) {
    this.#trace = traceOf(options);
    this.#mounts = options.mounts ?? {};
  }

  onFallback(message: string): void {
    this.options.onFallback?.(message);
  }

  onDefect(message: string, error?: unknown): void {
    this.options.onDefect?.(message, error);
  }

  traced(events: readonly TraceEvent[]): void {
    const ahead = this.timeOrigin - performance.timeOrigin;
    for (const event of events) this.#trace?.onEvent({ ...event, time: event.time + ahead });
  }

  /** What a file system of the user's says. */
  async answer({ guest, method, args }: Report & { kind: 'question' }): Promise<Answer> {
    try {
      const files = this.#mounts[guest] as unknown as Record<string, AnyMethod>;
      const value: unknown = await files[method]?.(...args);
      // Node.js's pools of small buffers are not to be sent.
      const own = value instanceof Uint8Array ? new Uint8Array(value) : value;
      // What cannot be sent is no answer.
      return { value: structuredClone(own) };
    } catch (error) {
      return { error: recordOf(error) };
    }
  }
}

type AnyMethod = (...args: readonly unknown[]) => unknown;

function traceOf({ trace }: SandboxOptions): ReturnType<typeof traceTo> | undefined {
  return typeof trace === 'function' ? traceTo(trace) : trace;
}

/** @throws {TypeError} */
export function splitOptions(options: SandboxOptions): { remote: RemoteOptions; user: UserSide } {
  const { platform, onSyscall, mounts } = options;
  if (typeof platform === 'object') {
    throw new TypeError("a sandbox on a platform made before has thread 'caller'");
  }
  if (onSyscall !== undefined && !(onSyscall instanceof URL)) {
    throw new TypeError(
      "hooks for a sandbox on a worker are given as the URL of their module; functions need thread 'caller'",
    );
  }
  const { onEvent, ...traced } = traceOf(options) ?? {};
  // Picked one by one: whoever runs a program gives its options, with functions and streams, among these.
  const { memory, vcpus, rewriteCalls, exitless, rootfs, binds, net, hostname } = options;
  const known = { memory, vcpus, rewriteCalls, exitless, rootfs, binds, net, hostname };
  const given = Object.entries(known).filter(([, value]) => value !== undefined);
  const remote = {
    ...(Object.fromEntries(given) as PlainOptions),
    ...(platform === undefined ? {} : { platform }),
    ...(onSyscall === undefined ? {} : { hooks: onSyscall.href }),
    ...(onEvent === undefined ? {} : { trace: traced }),
    mounts: Object.entries(mounts ?? {}).map(([guest, files]) => ({
      guest,
      hasLinks: 'readlink' in files,
    })),
  };
  return { remote: sendable(remote), user: new UserSide(options) };
}

/** @throws {TypeError} where options are no data */
function sendable(options: RemoteOptions): RemoteOptions {
  try {
    return structuredClone(options);
  } catch (error) {
    const { message } = error as Error;
    throw new TypeError(`options of a sandbox on a worker are data: ${message}`, { cause: error });
  }
}

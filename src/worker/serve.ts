/** The worker's side: sandboxes for another thread. */
import type { MessagePort } from 'node:worker_threads';
import { native, type NativeSpareMachine } from '../host/native.js';
import type { UserFileSystem } from '../kernel/fs/user/user-file-system.js';
import type { SyscallHooks } from '../kernel/hooks/syscall-hooks.js';
import type { TraceEvent } from '../kernel/trace/trace-event.js';
import type { LocalSandboxOptions, TraceOptions } from '../options.js';
import type { Descriptor } from '../sandbox/descriptors.js';
import { LocalSandbox } from '../sandbox/local-sandbox.js';
import type { LocalProgram } from '../sandbox/program.js';
import { Backlog } from './backlog.js';
import { Deferred } from './deferred.js';
import { errorOf, recordOf } from './error-record.js';
import type {
  CreateRequest,
  Order,
  RemoteDescriptor,
  RemoteMount,
  RemoteOptions,
  Report,
  UserFileMethod,
} from './messages.js';
import { receivedFrom, receiveInto, sendReadable } from './port-streams.js';

/** `import`, which code in a bundle does not have. */
export type ImportModule = (url: string) => Promise<{ readonly default?: unknown }>;

/** Events of a trace that go together. */
const MOST_EVENTS = 256;
/** About the bytes that one takes. */
const EVENT_SIZE = 512;

/** `isShared`: sandboxes follow one another here, so that a machine made ahead is of use. */
export function serve(parent: MessagePort, importModule: ImportModule, isShared: boolean): void {
  const spare = isShared ? new native.SpareMachine() : undefined;
  parent.on('message', (request: CreateRequest) => {
    void new Server(request).create(request.options, importModule, spare);
  });
}

class Server {
  readonly #port: MessagePort;
  readonly #backlog: Backlog;
  readonly #programs = new Map<number, LocalProgram>();
  /** Of file systems of the user's. */
  readonly #questions = new Map<number, Deferred<unknown>>();
  #lastQuestion = 0;
  #events: TraceEvent[] = [];

  constructor({ port, backlog }: CreateRequest) {
    this.#port = port;
    this.#backlog = new Backlog(backlog);
  }

  async create(
    options: RemoteOptions,
    importModule: ImportModule,
    spare: NativeSpareMachine | undefined,
  ): Promise<void> {
    try {
      const local = await this.#localOptions(options, importModule);
      const sandbox = await LocalSandbox.create(local, spare);
      this.#port.on('message', (order: Order) => this.#obey(sandbox, order));
      this.#send({ kind: 'created', timeOrigin: performance.timeOrigin });
    } catch (error) {
      this.#send({ kind: 'refused', error: recordOf(error) });
      this.#port.close();
    }
  }

  async #localOptions(
    { hooks, trace, mounts, ...rest }: RemoteOptions,
    importModule: ImportModule,
  ): Promise<LocalSandboxOptions> {
    const files = mounts.map((mount) => [mount.guest, this.#userFiles(mount)] as const);
    return {
      ...rest,
      mounts: Object.fromEntries(files),
      onFallback: (message) => this.#send({ kind: 'fallback', message }),
      onDefect: (message, error) => {
        const record = error === undefined ? {} : { error: recordOf(error) };
        this.#send({ kind: 'defect', message, ...record });
      },
      ...(trace === undefined ? {} : { trace: this.#trace(trace) }),
      ...(hooks === undefined ? {} : { onSyscall: await importHooks(hooks, importModule) }),
    };
  }

  /** What has been traced comes before whatever else is said. */
  #send(report: Report, transfer: readonly ArrayBuffer[] = []): void {
    this.#sendEvents();
    this.#port.postMessage(report, transfer);
  }

  #obey(sandbox: LocalSandbox, order: Order): void {
    switch (order.kind) {
      case 'launch':
        void this.#launch(sandbox, order);
        return;
      case 'kill':
        this.#programs.get(order.id)?.kill(order.signal);
        return;
      case 'answer':
        this.#answered(order);
        return;
      case 'dispose':
        void this.#dispose(sandbox);
    }
  }

  async #launch(sandbox: LocalSandbox, order: Order & { kind: 'launch' }): Promise<void> {
    const { id, command, args, options } = order;
    try {
      const descriptors = order.descriptors.map((one, fd) => this.#descriptor(one, id, fd));
      const { streams, program } = sandbox.launch(command, args, options, descriptors);
      order.descriptors.forEach((one, fd) => {
        if (one.kind !== 'pipe') return;
        const stream = streams[fd];
        if (stream && 'read' in stream) sendReadable(stream, one.port);
        else if (stream) receiveInto(stream, one.port);
      });
      const started = await program;
      this.#programs.set(id, started);
      this.#send({ kind: 'launched', id, pid: started.pid });
      const end = await started.ended;
      this.#send({ kind: 'ended', id, end });
    } catch (error) {
      this.#send({ kind: 'failed', id, error: recordOf(error) });
    } finally {
      this.#programs.delete(id);
    }
  }

  #descriptor(descriptor: RemoteDescriptor, id: number, fd: number): Descriptor {
    switch (descriptor.kind) {
      case 'pipe':
        return { kind: 'pipe' };
      case 'source':
        return { kind: 'source', source: receivedFrom(descriptor.port) };
      case 'function':
        if (!descriptor.isTaken) return { kind: 'function' };
        return { kind: 'function', take: (bytes) => this.#output(id, fd, bytes) };
      default:
        return descriptor;
    }
  }

  #output(id: number, fd: number, bytes: Uint8Array): void {
    const { length } = bytes;
    this.#send({ kind: 'output', id, fd, bytes }, [bytes.buffer as ArrayBuffer]);
    this.#backlog.sent(length);
  }

  #trace(options: Omit<TraceOptions, 'onEvent'>): TraceOptions {
    return {
      ...options,
      onEvent: (event) => {
        if (this.#events.length === 0) setImmediate(() => this.#sendEvents());
        this.#events.push(event);
        if (this.#events.length >= MOST_EVENTS) this.#sendEvents();
      },
    };
  }

  #sendEvents(): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    const size = events.length * EVENT_SIZE;
    this.#port.postMessage({ kind: 'traced', events, size } satisfies Report);
    this.#backlog.sent(size);
  }

  #userFiles({ guest, hasLinks }: RemoteMount): UserFileSystem {
    type Arguments = readonly [path: string, offset?: number, length?: number];
    const asker =
      (method: UserFileMethod) =>
      (...args: Arguments) =>
        this.#ask(guest, method, args) as Promise<never>;
    return {
      stat: asker('stat'),
      readdir: asker('readdir'),
      read: asker('read'),
      ...(hasLinks ? { readlink: asker('readlink') } : {}),
    };
  }

  #ask(
    guest: string,
    method: UserFileMethod,
    args: readonly [path: string, offset?: number, length?: number],
  ): Promise<unknown> {
    const id = ++this.#lastQuestion;
    const question = new Deferred<unknown>();
    this.#questions.set(id, question);
    this.#send({ kind: 'question', id, guest, method, args });
    return question.promise;
  }

  #answered(order: Order & { kind: 'answer' }): void {
    const question = this.#questions.get(order.id);
    this.#questions.delete(order.id);
    if ('error' in order) question?.reject(errorOf(order.error));
    else question?.resolve(order.value);
  }

  async #dispose(sandbox: LocalSandbox): Promise<void> {
    let failure = {};
    try {
      await sandbox.dispose();
    } catch (error) {
      failure = { error: recordOf(error) };
    }
    this.#send({ kind: 'disposed', ...failure });
    this.#port.close();
  }
}

async function importHooks(url: string, importModule: ImportModule): Promise<SyscallHooks> {
  const { default: hooks } = await importModule(url);
  if (typeof hooks === 'function') return hooks as SyscallHooks;
  if (typeof hooks === 'object' && hooks !== null) return hooks as SyscallHooks;
  throw new TypeError(
    `onSyscall: the default export of ${url} is neither a function nor an object`,
  );
}

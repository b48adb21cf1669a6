/** A sandbox on a worker thread, as the thread of its user has it. */
import type { Readable, Writable } from 'node:stream';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { StartError } from '../errors.js';
import { hostFiles } from '../host/host-files.js';
import type { LaunchOptions, SandboxOptions } from '../options.js';
import type { Descriptor } from '../sandbox/descriptors.js';
import { environmentOf } from '../sandbox/exec-request.js';
import type { Program, ProgramEnd } from '../sandbox/program.js';
import { signalNumber } from '../sandbox/program.js';
import type { Launched, SandboxHost } from '../sandbox/sandbox-host.js';
import { Backlog } from './backlog.js';
import { Deferred } from './deferred.js';
import { errorOf } from './error-record.js';
import type { Order, RemoteDescriptor, RemoteOptions, Report } from './messages.js';
import { PortReadable, PortWritable, sendSource } from './port-streams.js';
import { SandboxThread } from './thread.js';
import { splitOptions, type UserSide } from './user-side.js';

class RemoteProgram implements Program {
  readonly ended: Promise<ProgramEnd>;

  constructor(
    readonly pid: number,
    ended: Promise<ProgramEnd>,
    readonly send: (signal: number) => void,
  ) {
    this.ended = ended;
  }

  kill(signal: NodeJS.Signals | number = 'SIGTERM'): void {
    this.send(signalNumber(signal));
  }
}

/** A program from when it is asked for to its end. */
class Launch {
  readonly started = new Deferred<Program>();
  readonly ended = new Deferred<ProgramEnd>();

  constructor(
    readonly sending: Sending,
    /** Lets Node.js end. */
    readonly release: () => void,
  ) {
    // Who started it hears of failures; who only waits for the end of another is no reason to end Node.js.
    this.ended.promise.catch(() => undefined);
  }

  end(end: ProgramEnd): void {
    this.ended.resolve(end);
    this.sending.closeDescriptors();
    this.release();
  }

  fail(error: unknown): void {
    this.started.reject(error);
    this.ended.reject(error);
    this.sending.abandon();
    this.release();
  }
}

export class RemoteSandbox implements SandboxHost {
  readonly #thread: SandboxThread;
  readonly #port: MessagePort;
  readonly #user: UserSide;
  readonly #backlog: Backlog;
  readonly #created = new Deferred<void>();
  readonly #disposed = new Deferred<void>();
  readonly #launches = new Map<number, Launch>();
  #lastId = 0;
  #failure: Error | undefined;

  private constructor(thread: SandboxThread, remote: RemoteOptions, user: UserSide) {
    const { port1, port2 } = new MessageChannel();
    this.#thread = thread;
    this.#port = port1;
    this.#user = user;
    this.#backlog = new Backlog();
    port1.on('message', (report: Report) => this.#told(report));
    port1.unref();
    thread.enter({ port: port2, options: remote, backlog: this.#backlog.shared }, this.#fail);
  }

  /** @throws {PlatformError}, {TypeError} */
  static async create(options: SandboxOptions): Promise<RemoteSandbox> {
    const { remote, user } = splitOptions(options);
    const thread = SandboxThread.take(options.thread !== 'own');
    const sandbox = new RemoteSandbox(thread, remote, user);
    const release = thread.hold();
    try {
      await sandbox.#created.promise;
      return sandbox;
    } catch (error) {
      sandbox.#port.close();
      await thread.leave(sandbox.#fail);
      throw error;
    } finally {
      release();
    }
  }

  launch(
    command: string,
    args: readonly string[],
    options: LaunchOptions,
    descriptors: readonly Descriptor[],
  ): Launched {
    const sending = new Sending(descriptors);
    const launch = new Launch(sending, this.#thread.hold());
    if (this.#failure === undefined) {
      const id = ++this.#lastId;
      this.#launches.set(id, launch);
      const { cwd, argv0, uid, gid } = options;
      const known = { cwd, argv0, uid, gid, env: environmentOf(options.env) };
      const order = {
        kind: 'launch' as const,
        id,
        command,
        args: [...args],
        options: Object.fromEntries(
          Object.entries(known).filter(([, value]) => value !== undefined),
        ),
        descriptors: sending.descriptors,
      };
      this.#port.postMessage(order satisfies Order, sending.transfer);
    } else {
      launch.fail(this.#failure);
    }
    return { streams: sending.streams, program: launch.started.promise };
  }

  #send(order: Order): void {
    this.#port.postMessage(order);
  }

  #told(report: Report): void {
    switch (report.kind) {
      case 'created':
        this.#user.timeOrigin = report.timeOrigin;
        this.#created.resolve();
        return;
      case 'refused':
        this.#created.reject(errorOf(report.error));
        return;
      case 'launched':
        this.#started(report.id, report.pid);
        return;
      case 'ended':
        this.#ended(report.id, (launch) => launch.end(report.end));
        return;
      case 'failed':
        this.#ended(report.id, (launch) => launch.fail(errorOf(report.error)));
        return;
      case 'output':
        try {
          this.#launches.get(report.id)?.sending.takers[report.fd]?.(report.bytes);
        } finally {
          this.#backlog.taken(report.bytes.length);
        }
        return;
      case 'traced':
        try {
          this.#user.traced(report.events);
        } finally {
          this.#backlog.taken(report.size);
        }
        return;
      case 'defect':
        this.#user.onDefect(report.message, report.error && errorOf(report.error));
        return;
      case 'fallback':
        this.#user.onFallback(report.message);
        return;
      case 'question':
        void this.#user.answer(report).then((answer) => {
          this.#send({ kind: 'answer', id: report.id, ...answer });
        });
        return;
      case 'disposed':
        if (report.error === undefined) this.#disposed.resolve();
        else this.#disposed.reject(errorOf(report.error));
    }
  }

  #started(id: number, pid: number): void {
    const launch = this.#launches.get(id);
    launch?.started.resolve(
      new RemoteProgram(pid, launch.ended.promise, (signal) =>
        this.#send({ kind: 'kill', id, signal }),
      ),
    );
  }

  #ended(id: number, tell: (launch: Launch) => void): void {
    const launch = this.#launches.get(id);
    this.#launches.delete(id);
    if (launch !== undefined) tell(launch);
  }

  /** The thread is no more. */
  readonly #fail = (error: Error): void => {
    this.#failure = error;
    this.#created.reject(error);
    this.#disposed.resolve();
    this.#failAll(error);
    this.#port.close();
  };

  #failAll(error: Error): void {
    for (const id of [...this.#launches.keys()]) this.#ended(id, (launch) => launch.fail(error));
  }

  async dispose(): Promise<void> {
    const release = this.#thread.hold();
    try {
      if (this.#failure === undefined) {
        this.#send({ kind: 'dispose' });
        await this.#disposed.promise;
      }
    } finally {
      // Of programs that were on their way nobody will say any more.
      this.#failAll(new StartError('the sandbox is disposed of', 'EPERM'));
      this.#port.close();
      await this.#thread.leave(this.#fail);
      release();
    }
  }
}

/** The descriptors of a program on their way. */
class Sending {
  readonly descriptors: RemoteDescriptor[] = [];
  readonly streams: (Readable | Writable | null)[] = [];
  readonly takers: (((bytes: Uint8Array) => void) | undefined)[] = [];
  readonly transfer: MessagePort[] = [];
  /** Duplicates, so that the caller may close what was named. */
  readonly #hostFds: number[] = [];
  /** This side's. */
  readonly #ports: MessagePort[] = [];

  /** @throws {StartError} */
  constructor(descriptors: readonly Descriptor[]) {
    try {
      descriptors.forEach((descriptor, fd) => {
        this.streams[fd] = null;
        this.descriptors[fd] = this.#remote(descriptor, fd);
      });
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  #remote(descriptor: Descriptor, fd: number): RemoteDescriptor {
    switch (descriptor.kind) {
      case 'null':
      case 'bytes':
        return descriptor as RemoteDescriptor;
      case 'host':
        return { kind: 'host', fd: this.#duplicate(descriptor.fd) };
      case 'function':
        this.takers[fd] = descriptor.take;
        return { kind: 'function', isTaken: descriptor.take !== undefined };
      case 'source':
        return this.#atPort('source', (port) => {
          sendSource(descriptor.source, port);
        });
      case 'pipe':
        return this.#atPort('pipe', (port) => {
          this.streams[fd] = fd === 0 ? new PortWritable(port) : new PortReadable(port);
        });
    }
  }

  #atPort(kind: 'pipe' | 'source', use: (port: MessagePort) => void): RemoteDescriptor {
    const { port1, port2 } = new MessageChannel();
    this.#ports.push(port1);
    use(port1);
    this.transfer.push(port2);
    return { kind, port: port2 };
  }

  #duplicate(fd: number): number {
    const own = hostFiles.duplicateFd(fd);
    if (own < 0) throw new StartError(`host descriptor ${String(fd)} is not open`, 'EBADF');
    this.#hostFds.push(own);
    return own;
  }

  closeDescriptors(): void {
    for (const fd of this.#hostFds.splice(0)) hostFiles.closeFd(fd);
  }

  /** Ends the streams, which lead to no program. */
  abandon(): void {
    this.closeDescriptors();
    for (const port of this.#ports) port.close();
  }
}

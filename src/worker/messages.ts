/** What the thread of a user's and the worker that a sandbox lives on say to each other, on a port of that sandbox. */
import type { MessagePort } from 'node:worker_threads';
import type { TraceEvent, TraceOptions } from '../kernel/trace/trace-event.js';
import type { LaunchOptions, LocalSandboxOptions } from '../options.js';
import type { ProgramEnd } from '../sandbox/program.js';
import type { ErrorRecord } from './error-record.js';

/** To the worker itself. */
export interface CreateRequest {
  readonly port: MessagePort;
  readonly options: RemoteOptions;
  /** Of a `Backlog`. */
  readonly backlog: SharedArrayBuffer;
}

/** Those that can be sent as they are. */
export type PlainOptions = Pick<
  LocalSandboxOptions,
  'memory' | 'vcpus' | 'rewriteCalls' | 'exitless' | 'rootfs' | 'binds' | 'net' | 'hostname'
>;

export interface RemoteOptions extends PlainOptions {
  readonly platform?: 'auto' | 'kvm' | 'ptrace';
  /** URL of the module whose default export they are. */
  readonly hooks?: string;
  readonly trace?: Omit<TraceOptions, 'onEvent'>;
  readonly mounts: readonly RemoteMount[];
}

export interface RemoteMount {
  readonly guest: string;
  readonly hasLinks: boolean;
}

/** `Descriptor` where functions and streams are at the other end of a port. */
export type RemoteDescriptor =
  | { readonly kind: 'null' }
  | { readonly kind: 'pipe' | 'source'; readonly port: MessagePort }
  | { readonly kind: 'host'; readonly fd: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'function'; readonly isTaken: boolean };

export type Order =
  | {
      readonly kind: 'launch';
      readonly id: number;
      readonly command: string;
      readonly args: readonly string[];
      readonly options: LaunchOptions;
      readonly descriptors: readonly RemoteDescriptor[];
    }
  | { readonly kind: 'kill'; readonly id: number; readonly signal: number }
  | ({ readonly kind: 'answer'; readonly id: number } & Answer)
  | { readonly kind: 'dispose' };

export type Answer = { readonly value: unknown } | { readonly error: ErrorRecord };

export type UserFileMethod = 'stat' | 'readdir' | 'read' | 'readlink';

export type Report =
  /** With `performance.timeOrigin` of the worker. */
  | { readonly kind: 'created'; readonly timeOrigin: number }
  | { readonly kind: 'refused'; readonly error: ErrorRecord }
  | { readonly kind: 'launched'; readonly id: number; readonly pid: number }
  | { readonly kind: 'ended'; readonly id: number; readonly end: ProgramEnd }
  /** Of a program that was not started, or that the platform failed under. */
  | { readonly kind: 'failed'; readonly id: number; readonly error: ErrorRecord }
  | {
      readonly kind: 'output';
      readonly id: number;
      readonly fd: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'traced'; readonly events: readonly TraceEvent[]; readonly size: number }
  | { readonly kind: 'defect'; readonly message: string; readonly error?: ErrorRecord }
  | { readonly kind: 'fallback'; readonly message: string }
  | {
      readonly kind: 'question';
      readonly id: number;
      readonly guest: string;
      readonly method: UserFileMethod;
      readonly args: readonly [path: string, offset?: number, length?: number];
    }
  | { readonly kind: 'disposed'; readonly error?: ErrorRecord };

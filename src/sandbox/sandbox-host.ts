/** Where a sandbox lives: on this thread, or on a worker. */
import type { Readable, Writable } from 'node:stream';
import type { LaunchOptions } from '../options.js';
import type { Descriptor } from './descriptors.js';
import type { Program } from './program.js';

export interface Launched {
  /** By descriptor, this side of those that are pipes: a Writable for 0, a Readable for the others. */
  readonly streams: readonly (Readable | Writable | null)[];
  /** Rejects with a StartError where the program cannot be started. */
  readonly program: Promise<Program>;
}

export interface SandboxHost {
  /** @throws {StartError} where a descriptor or a pipe is not to be had */
  launch(
    command: string,
    args: readonly string[],
    options: LaunchOptions,
    descriptors: readonly Descriptor[],
  ): Launched;
  /** Ends every program and gives back all that the sandbox holds. Called once. */
  dispose(): Promise<void>;
}

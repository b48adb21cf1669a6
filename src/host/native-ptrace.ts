/** The addon's ptrace part, typed. Statuses are 0 or -errno. */
import { native, type NativeMemoryFile } from './native.js';

export interface NativeTraceMachine {
  /** A switch on the calling thread, said to be on `cpu`: a `SwitchResult`, or a `NativeFailure`. */
  runSync(
    context: NativeTraceContext,
    space: NativeTraceSpace,
    registers: ArrayBuffer,
    budget: number,
    cpu: number,
  ): number;
  /** Begins a switch on a tracer thread; the listener of `onDone` is called with its number at its end. */
  start(
    runner: number,
    context: NativeTraceContext,
    space: NativeTraceSpace,
    registers: ArrayBuffer,
  ): number;
  /**
   * Fills `registers` from the switch that `start` began, and gives its result as `runSync` does; undefined
   * while it goes on.
   */
  finish(runner: number, registers: ArrayBuffer): number | undefined;
  onDone(listener: (runner: number) => void): void;
  dispose(): void;
}

export interface NativeTraceSpace {
  /** The stub's process id. */
  readonly process: number;
  /** Maps a range of the memory file. */
  map(address: number, offset: number, length: number, access: number, precommit: boolean): number;
  /** Maps a range of the file behind `fd`. */
  mapDescriptor(
    fd: number,
    address: number,
    offset: number,
    length: number,
    access: number,
    precommit: boolean,
  ): number;
  unmap(address: number, length: number): number;
  /** Unmaps everything. */
  clear(): number;
  /** Bytes copied from and to the stub's memory, before the first that cannot be accessed. */
  read(address: number, dst: Uint8Array): number;
  write(address: number, src: Uint8Array): number;
  /** Atomic operations on a word of the stub's memory: the value before, or a negative errno. */
  swapUint32(address: number, value: number): number;
  compareAndSwapUint32(address: number, expected: number, value: number): number;
  /** The stub is gone when it returns. Twice is safe. */
  release(): void;
}

export interface NativeTraceContext {
  /** Never used twice in the process. Not after `dispose`. */
  readonly id: number;
  /** Number of the tracer thread it last ran on, -1 before. */
  readonly cpu: number;
  interrupt(): void;
  getExtendedState(dst: Uint8Array): number;
  setExtendedState(src: Uint8Array): number;
  dispose(): void;
}

export interface NativePtrace {
  readonly Machine: new (memory: NativeMemoryFile) => NativeTraceMachine;
  /** @throws {Error} with `errno` and `stage` */
  readonly Space: new (machine: NativeTraceMachine) => NativeTraceSpace;
  readonly Context: new () => NativeTraceContext;
  /** Atomic operations on a word of the memory file at `offset`; they give the value before. */
  swapUint32(memory: NativeMemoryFile, offset: number, value: number): number;
  compareAndSwapUint32(
    memory: NativeMemoryFile,
    offset: number,
    expected: number,
    value: number,
  ): number;
  /** The page of user addresses that is not the guest's: the first behind the last mappable one. */
  readonly stubPage: number;
}

export const nativePtrace = native['ptrace'] as NativePtrace;

/** The addon, loaded here alone and typed: what native/ exports, with the statuses it gives. */
import { createRequire } from 'node:module';

/** A memfd, mapped once. Statuses are 0 or -errno. */
export interface NativeMemoryFile {
  readonly fd: number;
  /** An ArrayBuffer on the mapping, until `destroy`. */
  view(offset: number, length: number): ArrayBuffer;
  decommit(offset: number, length: number): number;
  /** Bytes the host holds for it. */
  usage(): number;
  /**
   * Fills `out` with starts and ends of what the host holds of [offset, end), in order, as many as fit; gives the
   * count of numbers or -errno.
   */
  extents(offset: number, end: number, out: Float64Array): number;
  /** Takes over the contents of a file of the same size, which is empty after. */
  moveFrom(other: NativeMemoryFile): number;
  destroy(): void;
}

/** A descriptor of our own of a host file. */
export interface NativeOpenFile {
  readonly fd: number;
  /** Bytes of the file now, or -errno. */
  size(): number;
  close(): void;
}

/** A machine opened ahead, by a thread of its own, for the next that is wanted on this one. */
export interface NativeSpareMachine {
  /** Opens one, unless there is one; failures are for whoever opens the next. */
  prepare(device: string): void;
  dispose(): void;
}

export interface NativeMachine {
  readonly hostClass: 'hardware' | 'deprivileged';
  /** The first address behind the last one that a guest may have mapped. */
  readonly lastAddress: number;
  /** Whether a guest's `rdtsc` gives what the host's does. */
  readonly hasHostCounter: boolean;
  tablePages(): number;
  /** Whether spaces made from now on can have rewritten system calls. */
  enableCallSites(): boolean;
  attachMemory(memory: NativeMemoryFile): number;
  setMemorySlot(slot: number, offset: number, size: number): number;
  /** Size of the area for host files in guest-physical memory, which begins at `fileAreaGpa()` then. */
  reserveFileArea(): number;
  fileAreaGpa(): number;
  /** Gives the chunk of `slotSize` bytes a memory slot, or takes it away. */
  setFileSlot(chunk: number, present: boolean): number;
  /** Maps a file `at` bytes into the area. */
  mapFile(at: number, fd: number, offset: number, length: number, writable: boolean): number;
  unmapFile(at: number, length: number): number;
  /** Has the host find memory for guest-physical memory now, as far as it can. */
  commit(gpa: number, length: number, write: boolean): void;
  createVcpu(id: number): number;
  /** A `SwitchResult`, or a `NativeFailure`. */
  runSync(
    vcpu: number,
    context: NativeContext,
    space: NativeSpace,
    registers: ArrayBuffer,
    cpu: number,
    budget: number,
  ): number;
  /**
   * A function that does what `runSync` did last, with less to look up. What that one was given must still be there,
   * and the vCPU hold the context's state.
   */
  repeater(): (cpu: number, budget: number) => number;
  /**
   * Begins a switch on the vCPU's own thread. Gives what `runSync` does, or `pending`: then the listener of `onDone` is
   * called with the vCPU at its end.
   */
  start(
    vcpu: number,
    context: NativeContext,
    space: NativeSpace,
    registers: ArrayBuffer,
    cpu: number,
  ): number;
  /**
   * Fills `registers` from the switch that `start` began, and gives its result as `runSync` does; undefined
   * while it goes on.
   */
  finish(vcpu: number, registers: ArrayBuffer): number | undefined;
  /** Blocks until the switch that `start` began is done. */
  wait(vcpu: number): void;
  preemptAll(): void;
  failure(vcpu: number): string;
  onDone(listener: (vcpu: number) => void): void;
  dispose(): void;
}

export interface NativeSpace {
  map(address: number, gpa: number, length: number, access: number): number;
  unmap(address: number, length: number): number;
  copyIn(address: number, dst: Uint8Array): number;
  copyOut(address: number, src: Uint8Array): number;
  zeroOut(address: number, length: number): number;
  /** The value before, or -1 for a fault. */
  swap(address: number, value: number): number;
  compareAndSwap(address: number, expected: number, value: number): number;
  /** The 32 bits of a jump's displacement, or -errno. */
  addCallSite(returnAddress: number, number: number): number;
  /** 0 or -errno. */
  copyCallSites(from: NativeSpace): number;
  tablePages(): number;
  release(): void;
}

export interface NativeContext {
  /** Never used twice in the process. Not after `dispose`. */
  readonly id: number;
  readonly cpu: number;
  interrupt(): void;
  /** Whether the guest answers the call itself from now on: not without an answer. */
  publish(number: number, answer: number | undefined): boolean;
  getExtendedState(dst: Uint8Array): number;
  setExtendedState(src: Uint8Array): number;
  dispose(): void;
}

/** Results of a switch that are failures of ours, not of the guest. */
export const NativeFailure = { Failed: -1, BadRegisters: -2, NoThread: -3, NoTables: -4 } as const;

export interface NativeConstants {
  readonly memoryGpa: number;
  readonly firstMemorySlot: number;
  /** Bytes that a memory slot backs. */
  readonly slotSize: number;
  readonly maxVcpus: number;
  /** Whether system calls are answered in the guest's doorway: never, where it pays, always. */
  readonly exitlessOff: number;
  readonly exitlessAuto: number;
  readonly exitlessOn: number;
  /** What `start` gives for a switch that goes on. */
  readonly pending: number;
  readonly registersSize: number;
  readonly extendedStateSize: number;
  /**
   * The guest-virtual address of the doorway's jump entry (docs/doorway.md), and of eight bytes that hold it: signed,
   * as a displacement or an immediate of 32 bits has them.
   */
  readonly doorwayJump: number;
  readonly doorwayJumpPointer: number;
  /** Stands for a page fault's error code where the host has no memory behind a mapped page. */
  readonly noMemory: number;
}

export interface NativeAddon {
  readonly constants: NativeConstants;
  readonly MemoryFile: new (size: number) => NativeMemoryFile;
  /** Duplicates the descriptor. @throws {Error} with `errno` */
  readonly OpenFile: new (fd: number) => NativeOpenFile;
  /** @throws {Error} with `errno` and `stage` */
  readonly Machine: new (
    device: string,
    exitless?: number,
    spare?: NativeSpareMachine,
  ) => NativeMachine;
  readonly SpareMachine: new () => NativeSpareMachine;
  readonly Space: new (machine: NativeMachine) => NativeSpace;
  readonly Context: new () => NativeContext;
  /** Interrupts a context of any thread, on either platform; false where there is none of that id. */
  interruptContext(id: number): boolean;
  /** Of this process, by getgroups(2). */
  supplementaryGroups(): number[];
  /** What KVM_CHECK_EXTENSION says, by name, and `KVM_API_VERSION`; or -errno of open(2). */
  kvmCapabilities(device: string): Record<string, number> | number;
}

const require = createRequire(import.meta.url);

export const native = require('../../build/Release/ringfence.node') as NativeAddon &
  Record<string, unknown>;

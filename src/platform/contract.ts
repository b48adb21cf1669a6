/**
 * The platform contract: what a way of running guest code gives to whoever answers its system calls.
 * Addresses, lengths and file offsets are safe integers; user addresses are below 2^47.
 */
import type { AccessType } from './access.js';
import type { FileRange } from './file-range.js';
import type { Registers } from './registers.js';

/** Why a switch returned. */
export const SwitchResult = {
  /** A system call: its number in rax, its arguments in their registers, rip behind the instruction. */
  Syscall: 0,
  /** An exception: the registers' report holds the siginfo. */
  Signal: 1,
  /** `interrupt()`, or spuriously; the registers are those of the interrupted instruction. */
  Interrupt: 2,
  /** Another context may have run on this CPU since; nothing of the guest has run in this switch. */
  CpuPreempted: 3,
} as const;
export type SwitchResult = (typeof SwitchResult)[keyof typeof SwitchResult];

/** What an exception means to Linux. The fields of siginfo_t for a fault (sigaction(2)). */
export interface SignalInfo {
  readonly signo: number;
  /** `si_code`. */
  readonly code: number;
  /** `si_addr`, all 64 bits: a fault may be at any address. */
  readonly address: bigint;
  /** SIGSEGV and SIGBUS: what the instruction tried. 0 where unknown. */
  readonly access: AccessType;
  /**
   * The instruction may be a CPUID that the host made fault: if it is one, emulate it, otherwise the signal
   * stands. So of every general protection fault, and of nothing else (SDM volume 2, CPUID faulting).
   */
  readonly maybeCpuid: boolean;
}

/** The execution context of one thread. Bound to no vCPU. */
export interface Context {
  /** Of this context alone, in the whole process and for ever: what `interruptContext` takes. */
  readonly id: number;
  /**
   * Runs the thread in `addressSpace` from `registers` until something must be answered; the event loop stays
   * free meanwhile. `registers` must not be touched before the promise settles. `cpu` is the CPU number the
   * caller relies on, or -1.
   */
  switch(addressSpace: AddressSpace, registers: Registers, cpu: number): Promise<SwitchResult>;
  /**
   * The same on the calling thread, which is blocked meanwhile. With a `budget` in microseconds the switch
   * returns `Interrupt` soon after the guest has run so long.
   */
  switchSync(
    addressSpace: AddressSpace,
    registers: Registers,
    cpu: number,
    budget?: number,
  ): SwitchResult;
  /**
   * Makes the switch under way return `Interrupt`, or the next one if there is none; once, however often it was
   * called. Other threads call `interruptContext`.
   */
  interrupt(): void;
  /**
   * Has the guest answer system call `call` by itself, with `result` and all else as ever, until it is published with
   * `undefined`; a switch reports it only where it was interrupted on its way there. At any time, also while a switch is
   * under way; whoever has the caller's answer to a later call, or is told otherwise that it has been done, finds it so.
   * False where switches report the call as ever: on platforms without such answers, for numbers that have none, and for -1.
   */
  publish(call: number, result: number | undefined): boolean;
  /** Number of the CPU this context last ran on, -1 before it has run. */
  readonly cpu: number;
  /**
   * Copies of the extended state in the XSAVE area's standard format (SDM volume 1, section 13.4); not while a
   * switch is under way.
   */
  getExtendedState(): Uint8Array;
  setExtendedState(state: Uint8Array): void;
  dispose(): void;
}

/** Access to guest memory through the mappings of an address space. Nothing is read or written beyond a fault. */
export interface AddressSpaceIO {
  /** Copies guest memory at `address` into `dst`. @throws {SegmentationFault} with the count done */
  copyIn(address: number, dst: Uint8Array): void;
  /** Copies `src` to guest memory at `address`. @throws {SegmentationFault} with the count done */
  copyOut(address: number, src: Uint8Array): void;
  /** @throws {SegmentationFault} with the count done */
  zeroOut(address: number, length: number): void;
  /** As `copyIn`, but gives the count of bytes copied before the first address that faults, and throws nothing. */
  tryCopyIn(address: number, dst: Uint8Array): number;
  /** As `copyOut`, but gives the count of bytes copied before the first address that faults, and throws nothing. */
  tryCopyOut(address: number, src: Uint8Array): number;
  /** Atomic exchange. `address` is a multiple of 4. @throws {SegmentationFault} */
  swapUint32(address: number, value: number): number;
  /** Atomic compare and exchange; gives the value before. `address` is a multiple of 4. @throws {SegmentationFault} */
  compareAndSwapUint32(address: number, expected: number, value: number): number;
}

/**
 * Places of an address space that stand for system calls: a jump to one is a `mov $number, %eax; syscall` in front of
 * `returnAddress`, as far as the program and the caller of the switch can see. They stay as long as the address space.
 */
export interface CallSites {
  /**
   * The 32 bits of disp32 in the `jmp *disp32` that leads to such a place; undefined where there is no more room. Each of
   * the four bytes is an opcode that is undefined in 64-bit mode.
   */
  add(returnAddress: number, number: number): number | undefined;
  /** Gives this address space, which has none yet, all that `other` has. @throws {OutOfMemoryError} */
  copyFrom(other: AddressSpace): void;
}

/** A virtual address space in which contexts run. */
export interface AddressSpace extends AddressSpaceIO {
  /** Absent where the platform has none, was not asked for them, or where they gain nothing. */
  readonly callSites?: CallSites | undefined;
  /** The first touch of a page costs so much here that pages which will probably be touched are better committed. */
  readonly prefersPrecommit: boolean;
  /**
   * Maps `range` of the host file `fd`, shared, at `address`, replacing what is mapped there: the memory's, or any
   * regular file or memfd, for what it is open for. The descriptor may be closed after. An access behind the file's
   * end raises SIGBUS (BUS_ADRERR), as with mmap(2), and ends a copy. With `precommit` host memory is committed when
   * possible. `address` and `range` page-aligned, `range` and `access` not empty.
   * @throws {PlatformError} where it cannot be mapped so: what was mapped is as it was
   * @throws {OutOfMemoryError} where no memory is left for it: nothing need be mapped in the range any more
   */
  mapFile(
    address: number,
    fd: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void;
  /** After it returns no vCPU uses a mapping of [address, address + length). */
  unmap(address: number, length: number): void;
  /** Ends the address space. Twice is safe. */
  release(): void;
}

/** A host file that can be mapped into an address space. */
export interface File {
  /** `AddressSpace.mapFile` of this file. There is no unmapping by the file: `AddressSpace.unmap` does it. */
  mapInto(
    addressSpace: AddressSpace,
    address: number,
    range: FileRange,
    access: AccessType,
    precommit: boolean,
  ): void;
  /**
   * Views on the file's own mapping, in order, covering `range`, which is not empty and need not be page-aligned.
   * Valid as long as a reference is held.
   */
  mapInternal(range: FileRange, access: AccessType): Uint8Array[];
  /** Adds a reference to each page of `range`, page-aligned and not empty. */
  incRef(range: FileRange): void;
  /** Matches an earlier `incRef`, or the reference that `allocate` gave; page by page, in any division. */
  decRef(range: FileRange): void;
}

/** What an allocation is for, in the memory accounts. */
export const MemoryKind = {
  System: 0,
  Anonymous: 1,
  PageCache: 2,
  Tmpfs: 3,
} as const;
export type MemoryKind = (typeof MemoryKind)[keyof typeof MemoryKind];

/** Bytes of the host's memory that a memory file occupies, by what they were allocated for. */
export interface MemoryUsage {
  readonly system: number;
  readonly anonymous: number;
  readonly pageCache: number;
  readonly tmpfs: number;
  /** Of pages that have been freed and are kept to be given out again. */
  readonly free: number;
}

/**
 * The file that guest pages come from. Pages that are mapped, by `mapInto` or `mapInternal`, must be allocated; before
 * their last reference goes they must be unmapped from every address space.
 */
export interface Memory extends File {
  /**
   * Pages that read as zeroes, with one reference; they are freed when none is left. `length` page-aligned, not 0.
   * @throws {OutOfMemoryError} where the limit would be passed
   */
  allocate(length: number, kind: MemoryKind): FileRange;
  /**
   * Whether a page of `range` has more than one reference, so that it must be copied before it is written to for
   * one holder alone. `range` page-aligned, not empty, allocated.
   */
  isShared(range: FileRange): boolean;
  /**
   * Gives the pages' contents back to the host; they stay allocated and read as zeroes after. `range` page-aligned,
   * not empty, allocated.
   */
  decommit(range: FileRange): void;
  /** Bytes allocated. */
  readonly allocated: number;
  /** Bytes that may be allocated at most. */
  readonly limit: number;
  /** Brings `usage` up to date; takes time by the number of scattered pages. */
  updateUsage(): void;
  /** As of the last `updateUsage`. */
  readonly usage: MemoryUsage;
  /** Bytes of the host's memory that the file occupies: the sum of an up-to-date `usage`, for much less. */
  totalUsage(): number;
  /** The file's size in bytes: no offset in it is as high. */
  totalSize(): number;
  /** Gives everything back to the host. The memory must not be used any more; twice is safe. */
  destroy(): void;
  /**
   * Writes the allocated pages with their contents, kinds and references to the stream, and ends it. Until that is
   * done nothing may change the memory: no guest may run, and the other methods that would change it throw.
   */
  saveTo(writable: NodeJS.WritableStream): Promise<void>;
  /**
   * Replaces everything in the memory by what `saveTo` has written, which the stream holds and nothing else. All
   * references held before are void; who loads it owns those that were saved. Nothing may change the memory meanwhile.
   * @throws {SavedMemoryError} where the stream is cut short or altered, or has more than the limit: the memory is
   * as it was. Any other error of the stream likewise.
   */
  loadFrom(readable: NodeJS.ReadableStream): Promise<void>;
}

export interface Platform {
  readonly supportsAddressSpaceIO: boolean;
  readonly cooperativelySchedulesAddressSpace: boolean;
  readonly detectsCpuPreemption: boolean;
  /** Whether a guest's `rdtsc` gives what the host's does at that time. */
  readonly hasHostCounter: boolean;
  /** Guest threads that run at the same time; CPU numbers are below it. */
  readonly vcpus: number;
  /** Alignment worth choosing for optional mappings, in bytes; 0 where page count costs nothing. */
  readonly mapUnit: number;
  readonly minUserAddress: number;
  /** First address behind the last mappable one. */
  readonly maxUserAddress: number;
  /**
   * A new address space, with nothing mapped; or a promise to await before asking again.
   *
   * `mappingsId` stands for one set of mappings, that of every address space asked for by it: while several live, what
   * is mapped in one may be in all, and after the last was released the next may have what was mapped in that, or
   * nothing. So pages must not be freed while they are in a set that will be asked for again: unmap them before the
   * release, or take another id. The id is held weakly.
   */
  newAddressSpace(mappingsId?: object): AddressSpace | Promise<void>;
  newContext(): Context;
  readonly memory: Memory;
  /** Makes every switch under way, and the next of every context, return `CpuPreempted`. */
  preemptAllCpus(): Promise<void>;
  dispose(): void;
}

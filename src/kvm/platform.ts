/** The KVM platform: a machine, its memory, its vCPUs. */
import { availableParallelism } from 'node:os';
import { native, type NativeMachine, type NativeSpareMachine } from '../host/native.js';
import { MemoryFile } from '../memory/memory-file.js';
import type { AddressSpace, Context, Memory, Platform } from '../platform/contract.js';
import { PlatformError, UnavailableError } from '../platform/errors.js';
import { PAGE_SIZE } from '../platform/file-range.js';
import { KvmAddressSpace, type SpaceParts } from './address-space.js';
import { KvmContext } from './context.js';
import { HostFileSlots } from './host-file-slots.js';
import { MemorySlots } from './memory-slots.js';
import { PageTablesCache } from './page-tables-cache.js';
import { VcpuPool } from './vcpu-pool.js';

export interface KvmPlatformOptions {
  /** Bytes of guest memory that may be allocated; 2 GiB by default. */
  readonly memoryLimit?: number;
  /** vCPUs: guest threads that run at the same time; as many as the host's processors by default. */
  readonly vcpus?: number;
  readonly device?: string;
  /** Address spaces have `callSites`, where the host is one whose `syscall` costs more than a jump; false by default. */
  readonly callSites?: boolean;
  /**
   * System calls answered without leaving the guest, on another processor (docs/doorway.md): where that is found to pay
   * (`auto`), never (`off`, the default), or always.
   */
  readonly exitless?: Exitless;
  /** Taken where it is of the device; and prepared once more when the platform is disposed of. */
  readonly spare?: NativeSpareMachine;
}

export type Exitless = 'auto' | 'off' | 'on';

const DEFAULT_MEMORY_LIMIT = 2 * 1024 ** 3;

export class KvmPlatform implements Platform {
  readonly supportsAddressSpaceIO = true;
  readonly cooperativelySchedulesAddressSpace = false;
  readonly detectsCpuPreemption = true;
  readonly hasHostCounter: boolean;
  readonly mapUnit = 2 * 1024 * 1024;
  /** Not the first page, where null pointers lead. */
  readonly minUserAddress = PAGE_SIZE;
  /** Where the self-test could still run code below: see docs/hosts.md. */
  readonly maxUserAddress: number;
  readonly #memory: MemoryFile;
  readonly #machine: NativeMachine;
  readonly #prepareSpare: () => void;
  readonly #parts: SpaceParts;
  readonly #files: HostFileSlots;
  readonly #tables: PageTablesCache;
  readonly #pool: VcpuPool;
  readonly #spaces = new Set<KvmAddressSpace>();
  #disposed = false;

  constructor(options: KvmPlatformOptions = {}) {
    const { device = '/dev/kvm', exitless = 'off', spare } = options;
    this.#machine = openMachine(device, exitless, spare);
    this.#prepareSpare = () => spare?.prepare(device);
    this.maxUserAddress = this.#machine.lastAddress;
    this.hasHostCounter = this.#machine.hasHostCounter;
    let memory: MemoryFile | undefined;
    try {
      memory = new MemoryFile(options.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
      this.#memory = memory;
      this.#parts = {
        machine: this.#machine,
        memory,
        slots: new MemorySlots(this.#machine, memory),
        userAddresses: { minimum: this.minUserAddress, maximum: this.maxUserAddress },
        hasCallSites: options.callSites === true && this.#machine.enableCallSites(),
      };
      this.#files = new HostFileSlots(this.#machine);
      this.#tables = new PageTablesCache(this.#machine, this.#files);
      this.#pool = new VcpuPool(this.#machine, options.vcpus ?? defaultVcpus());
    } catch (error) {
      this.#machine.dispose();
      memory?.destroy();
      throw error;
    }
  }

  /** How `syscall` arrives here: see docs/architecture.md. */
  get hostClass(): 'hardware' | 'deprivileged' {
    return this.#machine.hostClass;
  }

  /** Pages that page tables occupy, of all address spaces together. */
  get pageTablePages(): number {
    return this.#machine.tablePages();
  }

  get memory(): Memory {
    return this.#memory;
  }

  get vcpus(): number {
    return this.#pool.size;
  }

  /** What host files occupy: descriptors of ours, mappings of this process, and memory slots. */
  get hostFiles(): { files: number; windows: number; slots: number } {
    return this.#files.holdings;
  }

  /** Page tables of released address spaces that are kept for the next of their id. */
  get keptPageTables(): number {
    return this.#tables.kept;
  }

  newAddressSpace(mappingsId?: object): AddressSpace {
    this.#checkUsable();
    const tables = this.#tables.acquire(mappingsId);
    const space: KvmAddressSpace = new KvmAddressSpace(this.#parts, tables, () => {
      this.#spaces.delete(space);
      this.#tables.release(tables);
    });
    this.#spaces.add(space);
    return space;
  }

  newContext(): Context {
    this.#checkUsable();
    return new KvmContext(this.#machine, this.#pool);
  }

  async preemptAllCpus(): Promise<void> {
    this.#checkUsable();
    await this.#pool.preemptAll();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#prepareSpare(); // beside the end of this one
    this.#pool.close();
    this.#machine.dispose(); // waits for the vCPUs, which use the page tables
    this.#tables.close();
    for (const space of this.#spaces) space.end();
    this.#memory.destroy();
  }

  #checkUsable(): void {
    if (this.#disposed) throw new PlatformError('the platform has been disposed');
  }
}

/** @throws {UnavailableError} where KVM cannot be used; the message names the step that failed */
export function createKvmPlatform(options: KvmPlatformOptions = {}): KvmPlatform {
  return new KvmPlatform(options);
}

function defaultVcpus(): number {
  return Math.min(availableParallelism(), native.constants.maxVcpus);
}

function openMachine(
  device: string,
  exitless: Exitless,
  spare: NativeSpareMachine | undefined,
): NativeMachine {
  const { exitlessOff, exitlessAuto, exitlessOn } = native.constants;
  try {
    return new native.Machine(
      device,
      { off: exitlessOff, auto: exitlessAuto, on: exitlessOn }[exitless],
      spare,
    );
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`${device} cannot run guests: ${message}`, { cause: error });
  }
}

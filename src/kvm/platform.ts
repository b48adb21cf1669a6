/** The KVM platform: a machine, its memory, its vCPUs. */
import { availableParallelism } from 'node:os';
import { native, type NativeMachine } from '../host/native.js';
import { MemoryFile } from '../memory/memory-file.js';
import type { AddressSpace, Context, Memory, Platform } from '../platform/contract.js';
import { PlatformError, UnavailableError } from '../platform/errors.js';
import { KvmAddressSpace, MAX_USER_ADDRESS, MIN_USER_ADDRESS } from './address-space.js';
import { KvmContext } from './context.js';
import { MemorySlots } from './memory-slots.js';
import { VcpuPool } from './vcpu-pool.js';

export interface KvmPlatformOptions {
  /** Bytes of guest memory that may be allocated; 2 GiB by default. */
  readonly memoryLimit?: number;
  /** vCPUs: guest threads that run at the same time; as many as the host's processors by default. */
  readonly vcpus?: number;
  readonly device?: string;
}

const DEFAULT_MEMORY_LIMIT = 2 * 1024 ** 3;

export class KvmPlatform implements Platform {
  readonly supportsAddressSpaceIO = true;
  readonly cooperativelySchedulesAddressSpace = false;
  readonly detectsCpuPreemption = true;
  readonly mapUnit = 2 * 1024 * 1024;
  readonly minUserAddress = MIN_USER_ADDRESS;
  readonly maxUserAddress = MAX_USER_ADDRESS;
  readonly #memory: MemoryFile;
  readonly #machine: NativeMachine;
  readonly #slots: MemorySlots;
  readonly #pool: VcpuPool;
  readonly #spaces = new Set<KvmAddressSpace>();
  #disposed = false;

  constructor(options: KvmPlatformOptions = {}) {
    this.#machine = openMachine(options.device ?? '/dev/kvm');
    let memory: MemoryFile | undefined;
    try {
      memory = new MemoryFile(options.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
      this.#memory = memory;
      this.#slots = new MemorySlots(this.#machine, this.#memory);
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

  newAddressSpace(_mappingsId?: object): AddressSpace {
    this.#checkUsable();
    const space: KvmAddressSpace = new KvmAddressSpace(
      this.#machine,
      this.#memory,
      this.#slots,
      () => {
        this.#spaces.delete(space);
      },
    );
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
    this.#pool.close();
    this.#machine.dispose(); // waits for the vCPUs, which use the page tables
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

function openMachine(device: string): NativeMachine {
  try {
    return new native.Machine(device);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`${device} cannot run guests: ${message}`, { cause: error });
  }
}

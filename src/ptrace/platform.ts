/** The ptrace platform: guest code in traced host processes that can make no system call of their own. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { nativePtrace, type NativeTraceMachine } from '../host/native-ptrace.js';
import { native } from '../host/native.js';
import { MemoryFile } from '../memory/memory-file.js';
import type { AddressSpace, Context, Memory, Platform } from '../platform/contract.js';
import { PlatformError } from '../platform/errors.js';
import { PAGE_SIZE, pageRoundUp } from '../platform/file-range.js';
import { PtraceAddressSpace } from './address-space.js';
import { PtraceContext } from './context.js';
import { StubPool } from './stub-pool.js';
import { TracerPool } from './tracer-pool.js';

export interface PtracePlatformOptions {
  /** Bytes of guest memory that may be allocated; 2 GiB by default. */
  readonly memoryLimit?: number;
  /** Guest threads that run at the same time; as many as the host's processors by default. */
  readonly vcpus?: number;
}

const DEFAULT_MEMORY_LIMIT = 2 * 1024 ** 3;

export class PtracePlatform implements Platform {
  readonly supportsAddressSpaceIO = true;
  readonly cooperativelySchedulesAddressSpace = false;
  readonly detectsCpuPreemption = false;
  readonly hasHostCounter = true;
  /** One mmap(2), whatever its length. */
  readonly mapUnit = 0;
  readonly minUserAddress = lowestMappableAddress();
  /** User addresses end before the stub's page. */
  readonly maxUserAddress = nativePtrace.stubPage;
  readonly #memory: MemoryFile;
  readonly #machine: NativeTraceMachine;
  readonly #pool: TracerPool;
  readonly #stubs: StubPool;
  readonly #spaces = new Set<PtraceAddressSpace>();
  #disposed = false;

  constructor(options: PtracePlatformOptions = {}) {
    this.#memory = new MemoryFile(options.memoryLimit ?? DEFAULT_MEMORY_LIMIT);
    this.#machine = new nativePtrace.Machine(this.#memory.native);
    this.#stubs = new StubPool(this.#machine);
    try {
      this.#pool = new TracerPool(this.#machine, options.vcpus ?? defaultVcpus());
    } catch (error) {
      this.#machine.dispose();
      this.#memory.destroy();
      throw error;
    }
  }

  get memory(): Memory {
    return this.#memory;
  }

  get vcpus(): number {
    return this.#pool.size;
  }

  /** By the id of one that was released, it may begin with its mappings. */
  newAddressSpace(mappingsId?: object): AddressSpace {
    this.#checkUsable();
    const space: PtraceAddressSpace = new PtraceAddressSpace({
      machine: this.#machine,
      memory: this.#memory,
      userAddresses: { minimum: this.minUserAddress, maximum: this.maxUserAddress },
      stub: this.#stubs.take(mappingsId),
      onRelease: (stub) => {
        this.#spaces.delete(space);
        this.#stubs.give(stub, mappingsId);
      },
    });
    this.#spaces.add(space);
    return space;
  }

  newContext(): Context {
    this.#checkUsable();
    return new PtraceContext(this.#machine, this.#pool);
  }

  preemptAllCpus(): Promise<void> {
    return Promise.reject(new PlatformError('the ptrace platform does not detect CPU preemption'));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#pool.close();
    this.#stubs.close();
    this.#machine.dispose();
    for (const space of this.#spaces) space.end();
    this.#memory.destroy();
  }

  #checkUsable(): void {
    if (this.#disposed) throw new PlatformError('the platform has been disposed');
  }
}

/** @throws {UnavailableError} where processes cannot be traced; the message names the step that failed */
export function createPtracePlatform(options: PtracePlatformOptions = {}): PtracePlatform {
  const platform = new PtracePlatform(options);
  try {
    platform.newAddressSpace().release();
    return platform;
  } catch (error) {
    platform.dispose();
    throw error;
  }
}

/** vm.mmap_min_addr, and in any case not the first page, where null pointers lead. */
function lowestMappableAddress(): number {
  try {
    const configured = Number(readFileSync('/proc/sys/vm/mmap_min_addr', 'utf8'));
    return Math.max(PAGE_SIZE, pageRoundUp(configured));
  } catch {
    return 65536;
  }
}

function defaultVcpus(): number {
  return Math.min(availableParallelism(), native.constants.maxVcpus);
}

/** The System V shared memory of a sandbox, by number and by key: sysvipc(7). */
import { pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import { KernelMemory } from '../fs/kernel-memory.js';
import type { Kernel } from '../kernel.js';
import type { Credentials } from '../task/credentials.js';
import { NO_KEY } from './ipc-table.js';
import { SharedSegment } from './shared-segment.js';

/** SHMMNI: segments at a time. */
export const MOST_SEGMENTS = 4096;
/** Places of a table, after which numbers come round with another sequence number. */
const PLACES = 32768;
/** Bytes of the host's that one takes besides its pages. */
const SEGMENT_SIZE = 1024;

const byKernel = new WeakMap<Kernel, SharedSegments>();

export class SharedSegments {
  readonly #byId = new Map<number, SharedSegment>();
  readonly #kernelMemory: KernelMemory;
  #lastId = -1;

  constructor(readonly kernel: Kernel) {
    this.#kernelMemory = KernelMemory.of(kernel.memory);
  }

  static of(kernel: Kernel): SharedSegments {
    const segments = byKernel.get(kernel) ?? new SharedSegments(kernel);
    byKernel.set(kernel, segments);
    return segments;
  }

  get(id: number): SharedSegment | undefined {
    return this.#byId.get(id);
  }

  get all(): Iterable<SharedSegment> {
    return this.#byId.values();
  }

  get count(): number {
    return this.#byId.size;
  }

  findKey(key: number): SharedSegment | undefined {
    if (key === NO_KEY) return undefined;
    for (const segment of this.#byId.values()) if (segment.key === key) return segment;
    return undefined;
  }

  /** A new one, or -errno. */
  create(
    key: number,
    size: number,
    mode: number,
    credentials: Credentials,
    pid: number,
  ): SharedSegment | number {
    if (size === 0) return -Errno.EINVAL;
    if (this.#byId.size >= MOST_SEGMENTS) return -Errno.ENOSPC;
    const length = pageRoundUp(size);
    if (length > this.kernel.memory.limit || !this.#kernelMemory.take(SEGMENT_SIZE)) {
      return -Errno.ENOMEM;
    }
    do {
      this.#lastId = (this.#lastId + 1) % (PLACES * PLACES);
    } while (this.#byId.has(this.#lastId));
    const segment = new SharedSegment(
      this.kernel.memory,
      this.#lastId,
      key,
      size,
      length,
      mode,
      credentials,
      pid,
      ({ id }) => {
        this.#byId.delete(id);
        this.#kernelMemory.give(SEGMENT_SIZE);
      },
    );
    this.#byId.set(segment.id, segment);
    return segment;
  }
}

/** Resource limits of a process, getrlimit(2). */
export const Rlimit = {
  Cpu: 0,
  Fsize: 1,
  Data: 2,
  Stack: 3,
  Core: 4,
  Rss: 5,
  Nproc: 6,
  Nofile: 7,
  Memlock: 8,
  As: 9,
  Locks: 10,
  Sigpending: 11,
  Msgqueue: 12,
  Nice: 13,
  Rtprio: 14,
  Rttime: 15,
} as const;

/** RLIM_INFINITY is `Infinity`. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

const COUNT = 16;
const MIB = 1024 * 1024;
const unlimited: ResourceLimit = { soft: Infinity, hard: Infinity };

export class ResourceLimits {
  readonly #limits: ResourceLimit[] = new Array<ResourceLimit>(COUNT).fill(unlimited);

  constructor() {
    this.#limits[Rlimit.Stack] = { soft: 8 * MIB, hard: Infinity };
    this.#limits[Rlimit.Core] = { soft: 0, hard: Infinity };
    this.#limits[Rlimit.Nofile] = { soft: 1024, hard: 1048576 };
    this.#limits[Rlimit.Nproc] = { soft: 4096, hard: 4096 };
    this.#limits[Rlimit.Memlock] = { soft: 8 * MIB, hard: 8 * MIB };
    this.#limits[Rlimit.Sigpending] = { soft: 4096, hard: 4096 };
    this.#limits[Rlimit.Msgqueue] = { soft: 819200, hard: 819200 };
    this.#limits[Rlimit.Nice] = { soft: 0, hard: 0 };
    this.#limits[Rlimit.Rtprio] = { soft: 0, hard: 0 };
  }

  /** fork(2): the same limits, changed apart from now on. */
  clone(): ResourceLimits {
    const copy = new ResourceLimits();
    for (const [resource, limit] of this.#limits.entries()) copy.set(resource, limit);
    return copy;
  }

  /** `undefined` for a resource number that does not exist. */
  get(resource: number): ResourceLimit | undefined {
    return this.#limits[resource];
  }

  soft(resource: number): number {
    return this.#limits[resource]?.soft ?? Infinity;
  }

  set(resource: number, limit: ResourceLimit): void {
    this.#limits[resource] = limit;
  }
}

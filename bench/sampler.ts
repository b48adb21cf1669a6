import type { Effort } from './effort.js';

/** One row of the results, as something that can be sampled a few times at once. */
export interface Sampler {
  /** Some more samples, in the row's unit. */
  sample(): Promise<readonly number[]> | readonly number[];
  close?(): void | Promise<void>;
}

export type Unit = 'ns' | 'µs' | 'ms' | 'MiB';

/** Opens a sampler: what it needs is made only when its row is wanted. */
export interface Row {
  readonly name: string;
  readonly unit: Unit;
  /** What of the host's it cannot do without: `kvm`, `ptrace`, or the name of a program. */
  readonly needs: readonly string[];
  open(): Sampler | Promise<Sampler>;
}

/** Rows that are compared with one another, sampled in turn so that a noisy moment meets all of them alike. */
export interface Group {
  readonly name: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** What became of a row: its samples, or why there are none. */
export interface Measured {
  readonly row: Row;
  readonly samples: readonly number[];
  readonly failure?: string;
}

class Entry implements Measured {
  readonly row: Row;
  readonly samples: number[] = [];
  failure?: string;
  #sampler: Sampler | undefined;

  constructor(row: Row) {
    this.row = row;
  }

  open(): Promise<void> {
    return this.#try(async () => {
      this.#sampler = await this.row.open();
    });
  }

  /** Caches, branch predictors, V8. */
  warmUp(): Promise<void> {
    return this.#try(async () => {
      await this.#sampler?.sample();
    });
  }

  sample(): Promise<void> {
    return this.#try(async () => {
      if (this.#sampler !== undefined) this.samples.push(...(await this.#sampler.sample()));
    });
  }

  close(): Promise<void> {
    return this.#try(async () => {
      await this.#sampler?.close?.();
    });
  }

  /** A row that fails is out; the others go on. */
  async #try(act: () => Promise<void>): Promise<void> {
    if (this.failure !== undefined && this.#sampler === undefined) return;
    try {
      await act();
    } catch (error) {
      this.failure ??= error instanceof Error ? error.message : String(error);
      const failed = this.#sampler;
      this.#sampler = undefined;
      await failed?.close?.();
    }
  }
}

/** Samples of every row of `group`, round by round, each round starting with another row. */
export async function measure(
  { rows, rounds }: Group,
  { quick }: Effort,
): Promise<readonly Measured[]> {
  const entries = rows.map((row) => new Entry(row));
  for (const entry of entries) await entry.open();
  if (!quick) for (const entry of entries) await entry.warmUp();
  for (let round = 0; round < rounds; round++) {
    const first = round % entries.length;
    for (const entry of [...entries.slice(first), ...entries.slice(0, first)]) await entry.sample();
  }
  for (const entry of entries) await entry.close();
  return entries;
}

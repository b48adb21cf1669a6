/** One row of the results, as something that can be sampled a few times at once. */
export interface Sampler {
  readonly name: string;
  readonly unit: string;
  /** Some more samples, in `unit`. */
  sample(): Promise<readonly number[]> | readonly number[];
  close?(): void | Promise<void>;
}

/** Opens a sampler: what it needs is made only when its row is wanted. */
export interface Row {
  readonly name: string;
  readonly needsKvm: boolean;
  open(): Sampler | Promise<Sampler>;
}

/** Rows that are compared with one another, sampled in turn so that a noisy moment meets all of them alike. */
export interface Group {
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** Samples of every row of `group`, round by round, each round starting with another row. */
export async function measure(group: Group): Promise<Map<Sampler, number[]>> {
  const samplers: Sampler[] = [];
  const results = new Map<Sampler, number[]>();
  try {
    for (const row of group.rows) samplers.push(await row.open());
    for (const sampler of samplers) await sampler.sample(); // caches and branch predictors warm up
    for (let round = 0; round < group.rounds; round++) {
      for (let i = 0; i < samplers.length; i++) {
        const sampler = samplers[(round + i) % samplers.length];
        if (sampler === undefined) continue;
        const samples = results.get(sampler) ?? [];
        samples.push(...(await sampler.sample()));
        results.set(sampler, samples);
      }
    }
  } finally {
    for (const sampler of samplers) await sampler.close?.();
  }
  return new Map(samplers.map((sampler) => [sampler, results.get(sampler) ?? []]));
}

/**
 * `npm run test:soak [-- --minutes N --seed S --platform kvm|ptrace]`: random operations of eight guest threads on
 * one platform after another, each checked against a model. A run ends with status 1 and the line that repeats it
 * where something is not as it should be, or where something is left at the end.
 */
import { parseArgs } from 'node:util';
import { platformNamed } from '../contract/platforms.js';
import { footprint, type Footprint } from '../footprint.js';
import { Actor } from './actor.js';
import { startWatcher } from './watcher.js';
import { ACTORS, World } from './world.js';

const MIB = 1024 * 1024;
/** A platform's life. */
const ROUND_MS = 20_000;
/** Rounds after which V8's heap and the thread pool have found their size. */
const WARM_UP = 2;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    platform: { type: 'string', default: 'kvm' },
  },
});
const name =
  (['ptrace', 'kvm-exitless'] as const).find((known) => known === values.platform) ?? 'kvm';
const seed = Number(values.seed);
const minutes = Number(values.minutes);
const totals = new Map<string, number>();

function print(line: string): void {
  process.stdout.write(`soak: ${line}\n`);
}

function reproduction(round: number): string {
  return `to repeat: npm run test:soak -- --platform ${name} --seed ${seed + round} --minutes 1`;
}

/** One platform's life: from nothing to nothing. */
async function live(round: number, until: number): Promise<void> {
  const contexts = new Float64Array(new SharedArrayBuffer(ACTORS * 8));
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const world = new World(platformNamed(name), seed + round, contexts);
  const actors = Array.from({ length: ACTORS }, (_, index) => new Actor(world, index));
  const endWatcher = startWatcher({
    progress,
    contexts,
    seed: seed + round,
    reproduction: reproduction(round),
  });
  const state = { failed: false };
  await Promise.all(
    actors.map(async (actor) => {
      for (let n = 0; performance.now() < until && !state.failed; n++) {
        try {
          await actor.act(actors);
        } catch (error) {
          state.failed = true;
          throw error;
        }
        Atomics.add(progress, 0, 1);
        if (n % 8 === 0) await new Promise(setImmediate);
      }
    }),
  );
  world.verify();
  for (const actor of actors) actor.dispose();
  world.dispose();
  await endWatcher();
  for (const [kind, count] of world.counts) totals.set(kind, (totals.get(kind) ?? 0) + count);
}

function describe({ descriptors, threads, mappings, ownMappings, rss }: Footprint): string {
  return (
    `${descriptors} descriptors, ${threads} threads, ${mappings} mappings (${ownMappings} ours), ` +
    `${Math.round(rss / MIB)} MiB`
  );
}

/** What the process has more of than before, in words. */
function leaks(before: Footprint, after: Footprint): string[] {
  return [
    after.descriptors > before.descriptors ? 'descriptors' : '',
    after.threads > before.threads ? 'threads' : '',
    // V8's own come and go by the hundred.
    after.mappings - before.mappings > 400 ? 'mappings' : '',
    after.ownMappings > before.ownMappings ? 'mappings of ours' : '',
    after.children > before.children ? 'stub processes' : '',
    after.rss - before.rss > 64 * MIB ? 'memory' : '',
  ].filter((what) => what !== '');
}

async function soak(): Promise<number> {
  const end = performance.now() + minutes * 60_000;
  print(`${minutes} minutes on ${name}, seed ${seed}, ${ACTORS} contexts`);
  let before: Footprint | undefined;
  let round = 0;
  try {
    for (; performance.now() < end || round <= WARM_UP; round++) {
      const warm = round < WARM_UP ? 3000 : ROUND_MS;
      const last = round <= WARM_UP ? Infinity : end;
      await live(round, Math.min(performance.now() + warm, last));
      if (round === WARM_UP - 1) {
        before = footprint();
        print(`before: ${describe(before)}`);
      }
    }
  } catch (error) {
    print(error instanceof Error ? (error.stack ?? error.message) : String(error));
    print(reproduction(round));
    return 1;
  }
  const after = footprint();
  print(`${round} platforms; ${[...totals].map(([kind, n]) => `${n} ${kind}`).join(', ')}`);
  print(`after: ${describe(after)}`);
  const left = before === undefined ? [] : leaks(before, after);
  if (left.length > 0) {
    print(`left over: ${left.join(', ')}`);
    print(`to repeat: npm run test:soak -- --platform ${name} --seed ${seed} --minutes ${minutes}`);
    return 1;
  }
  print('all as the model has it, and nothing left over');
  return 0;
}

process.exit(await soak());

/**
 * `npm run test:hostile [-- --seconds N --seed S --platform kvm|ptrace]`: four guest threads make random system calls
 * with random arguments, in one sandbox after another, each with the host's root beneath a layer in memory, a folder
 * bound read-write and one bound read-only. Ends with status 1 and the line that repeats it where a handler threw, the
 * event loop stood still, anything was left over, or anything outside of the read-write folder was touched.
 */
import { inspect, parseArgs } from 'node:util';
import { Sandbox } from '../../src/index.js';
import { footprint, type Footprint } from '../footprint.js';
import { guest } from '../guests/build.js';
import { patience } from '../patience.js';
import { Playground } from './playground.js';
import { runRound, type RoundResult } from './round.js';
import { surroundings, touched } from './surroundings.js';

const MIB = 1 << 20;
/** A sandbox's life. */
const ROUND_MS = 20_000;
/** Sandboxes after which V8's heap and the thread pool have found their size: one traced, one not. */
const WARM_UP = 2;
const WARM_UP_MS = 3000;
/** No turn of the event loop may compute for longer, nor wait for the host's disk. */
const COMPUTE_MS = patience(1000);
const STALL_MS = patience(5000);
/** Lines of what is wrong, after which a run is given up. */
const MOST_COMPLAINTS = 20;
/** Programs of a round have seeds of their own. */
const SEEDS_PER_ROUND = 1000;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    platform: { type: 'string', default: 'kvm' },
  },
});
const platform = values.platform === 'ptrace' ? 'ptrace' : 'kvm';
const seed = Number(values.seed);
const seconds = Number(values.seconds);

interface Held extends Footprint {
  /** Bytes that JavaScript holds, in its heap and outside. */
  readonly javascript: number;
}

function print(line: string): void {
  process.stdout.write(`hostile: ${line}\n`);
}

async function held(): Promise<Held> {
  // The memory of a buffer that nobody has is freed in the turn behind its collection.
  footprint();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const now = footprint();
  const { heapUsed, external } = process.memoryUsage();
  return { ...now, javascript: heapUsed + external };
}

function describe({ descriptors, threads, mappings, ownMappings, rss, javascript }: Held): string {
  return (
    `${descriptors} descriptors, ${threads} threads, ${mappings} mappings (${ownMappings} ours), ` +
    `${Math.round(rss / MIB)} MiB, ${(javascript / MIB).toFixed(1)} MiB of JavaScript's`
  );
}

/** What the process has more of than before, in words. */
function leaks(before: Held, after: Held): string[] {
  return [
    after.descriptors > before.descriptors ? 'descriptors' : '',
    after.threads > before.threads ? 'threads' : '',
    // V8's own come and go by the hundred.
    after.mappings - before.mappings > 400 ? 'mappings' : '',
    after.ownMappings > before.ownMappings ? 'mappings of ours' : '',
    after.children > before.children ? 'stub processes' : '',
    after.rss - before.rss > 64 * MIB ? 'memory' : '',
    after.javascript - before.javascript > 8 * MIB ? 'memory of JavaScript' : '',
  ].filter((what) => what !== '');
}

/** Errors that nobody has handled: the process goes on, and the run fails. */
const unhandled: string[] = [];
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    unhandled.push(`${event}: ${inspect(error)}`);
  });
}

function stall({ computed, longest }: RoundResult): string {
  return `${Math.round(computed)} ms of computing in a turn, ${Math.round(longest)} ms between two`;
}

function complaints(round: RoundResult): string[] {
  const { computed, longest } = round;
  const stalled = computed > COMPUTE_MS || longest > STALL_MS;
  return [
    ...unhandled.splice(0),
    ...round.defects,
    ...(stalled ? [`the event loop stood still: ${stall(round)}`] : []),
  ];
}

function summary(round: RoundResult): string {
  const ends = [...round.ends].map(([end, count]) => `${count} ${end}`).join(', ');
  const traced = round.tracedLines > 0 ? `, ${round.tracedLines} lines of trace` : '';
  return (
    `${round.calls} calls of ${round.programs} programs${traced}; they ended by ${ends}; ` +
    `at most ${stall(round)}`
  );
}

/** Gives what is wrong. */
async function storm(playground: Playground): Promise<string[]> {
  const wrong: string[] = [];
  const end = performance.now() + seconds * 1000;
  guest('hostile');
  // A process that has had a platform handles signals that it did not before.
  await (await Sandbox.create({ platform, thread: 'caller' })).dispose();
  const outside = surroundings(playground.path, playground.scratch);
  let before: Held | undefined;
  let calls = 0;
  for (let round = 0; performance.now() < end || round <= WARM_UP; round++) {
    const firstSeed = seed + round * SEEDS_PER_ROUND;
    const length = round < WARM_UP ? WARM_UP_MS : ROUND_MS;
    print(`seed ${firstSeed}`);
    const result = await runRound({
      platform,
      seed: firstSeed,
      until: Math.min(performance.now() + length, Math.max(end, performance.now() + WARM_UP_MS)),
      traced: round % 4 === 1,
      playground,
    });
    calls += result.calls;
    print(summary(result));
    const now = await held();
    print(describe(now));
    if (round === WARM_UP - 1) before = now;
    const found = [
      ...complaints(result),
      ...touched(outside, surroundings(playground.path, playground.scratch)),
    ];
    if (found.length > 0) wrong.push(...found, `to repeat: ${reproduction(firstSeed, 60)}`);
    if (wrong.length > MOST_COMPLAINTS) break;
  }
  print(`${calls} calls in all`);
  const left = before === undefined ? [] : leaks(before, await held());
  if (calls === 0) wrong.push('no call was made');
  if (left.length > 0) wrong.push(`left over: ${left.join(', ')}`, reproduction(seed, seconds));
  return wrong;
}

function reproduction(from: number, length: number): string {
  return `npm run test:hostile -- --platform ${platform} --seed ${from} --seconds ${length}`;
}

async function main(): Promise<number> {
  using playground = new Playground();
  print(`${seconds} seconds on ${platform}, seed ${seed}`);
  const wrong = await storm(playground);
  for (const line of wrong) print(line);
  if (wrong.length === 0) print('nothing was left over, and nothing outside was touched');
  return wrong.length === 0 ? 0 : 1;
}

// Until it is known: an error that ends nothing must not look like success.
process.exitCode = 1;
try {
  process.exit(await main());
} catch (error) {
  print(inspect(error));
  process.exit(1);
}

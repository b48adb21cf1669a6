/** The life of one sandbox: hostile programs, one after the other. */
import { inspect } from 'node:util';
import { Sandbox, StartError, type PlatformName, type Program } from '../../src/index.js';
import { guest } from '../guests/build.js';
import type { Playground } from './playground.js';
import { StallWatch } from './stalls.js';

const MIB = 1 << 20;
const MEMORY = 256 * MIB;
/** A program's own time; it has as long again to end once it is over. */
const PROGRAM_MS = 4000;
/** A program that has stopped itself goes on. */
const CONTINUE_MS = 100;

export interface RoundOptions {
  readonly platform: PlatformName;
  /** Of the first program; those behind it count up. */
  readonly seed: number;
  /** When it is over: of `performance.now`. */
  readonly until: number;
  readonly traced: boolean;
  readonly playground: Playground;
}

export interface RoundResult {
  readonly programs: number;
  readonly calls: number;
  readonly tracedLines: number;
  readonly ends: ReadonlyMap<string, number>;
  /** What should not happen inside a sandbox, in words. */
  readonly defects: readonly string[];
  /** Longest times that the event loop stood still, in milliseconds: see `StallWatch`. */
  readonly computed: number;
  readonly longest: number;
}

/** A guest may run out of its memory; a handler may not throw. */
function describeDefect(message: string, error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return `${message}: ${inspect(error)}`;
}

/** Undefined where the guest has damaged its program for itself: then the sandbox has done its part. */
async function start(
  sandbox: Sandbox,
  seed: number,
  milliseconds: number,
  playground: Playground,
): Promise<Program | undefined> {
  const args = [String(seed), String(milliseconds), playground.path];
  try {
    return await sandbox.start(guest('hostile'), args, {
      env: { SANDBOX: 'yes' },
      cwd: '/scratch',
    });
  } catch (error) {
    if (error instanceof StartError) return undefined;
    throw error;
  }
}

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const { platform, playground, until } = options;
  const defects = new Set<string>();
  const ends = new Map<string, number>();
  let [seed, programs, calls, tracedLines] = [options.seed, 0, 0, 0];
  using stalls = new StallWatch();
  playground.refill();
  await using sandbox = await Sandbox.create({
    platform,
    // What it holds, and how long it computes in a turn, is seen on its own thread.
    thread: 'caller',
    memory: MEMORY,
    binds: playground.binds,
    onDefect: (message, error) => {
      const defect = describeDefect(message, error);
      if (defect !== undefined) defects.add(defect);
    },
    ...(options.traced ? { trace: () => tracedLines++ } : {}),
  });
  while (performance.now() < until) {
    const milliseconds = Math.ceil(Math.min(PROGRAM_MS, Math.max(200, until - performance.now())));
    const program = await start(sandbox, seed++, milliseconds, playground);
    if (program === undefined) break;
    programs++;
    const proceed = setInterval(() => {
      program.kill('SIGCONT');
    }, CONTINUE_MS);
    const late = setTimeout(() => {
      program.kill('SIGKILL');
    }, milliseconds + PROGRAM_MS);
    const { exitCode, signal } = await program.ended;
    clearInterval(proceed);
    clearTimeout(late);
    calls += playground.takeCount();
    const end = signal ?? `exit ${String(exitCode)}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  await sandbox.dispose();
  return {
    programs,
    calls,
    tracedLines,
    ends,
    defects: [...defects],
    computed: stalls.computed,
    longest: stalls.longest,
  };
}

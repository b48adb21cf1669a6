/**
 * Compiles the guest programs with the host's gcc, each once and again when a source is newer than the binary.
 * Programs without a C library (most) make no system calls but their own.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = dirname(fileURLToPath(import.meta.url));
const CACHE = join(SOURCES, '..', '..', '.cache');

const COMMON = ['-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fno-stack-protector'];
const STATIC = ['-static', '-fno-pie', '-no-pie'];
/** No library, and no calls of memset and the like that a compiler may otherwise put in. */
const BARE = [...STATIC, '-nostdlib', '-ffreestanding', '-fno-tree-loop-distribute-patterns'];

interface Recipe {
  readonly sources: readonly string[];
  readonly flags: readonly string[];
}

const bare = (name: string): Recipe => ({ sources: [`${name}.c`], flags: ['-O1', ...BARE] });

const RECIPES = {
  bombs: { sources: ['bombs.c'], flags: ['-O1', '-pthread', ...STATIC] },
  busy_text: { sources: ['busy_text.c'], flags: ['-O1', '-pthread', ...STATIC] },
  call_sites: { sources: ['call_sites.c'], flags: ['-O1', '-pthread', ...STATIC] },
  capability_calls: { sources: ['capability_calls.c'], flags: ['-O1', ...STATIC] },
  clock_calls: { sources: ['clock_calls.c'], flags: ['-O1', '-pthread', ...STATIC] },
  clocks: { sources: ['clocks.c'], flags: ['-O1', '-pthread', ...STATIC] },
  compute: bare('compute'),
  cpuid: bare('cpuid'),
  crash: bare('crash'),
  every_call: { sources: ['every_call.c'], flags: ['-O1', ...STATIC] },
  exec_signals: { sources: ['exec_signals.c'], flags: ['-O1', '-pthread', ...STATIC] },
  events: { sources: ['events.c'], flags: ['-O1', '-pthread', ...STATIC] },
  exit_code: bare('exit_code'),
  foreign_calls: bare('foreign_calls'),
  futex_calls: { sources: ['futex_calls.c'], flags: ['-O1', '-pthread', ...STATIC] },
  getpid_loop: bare('getpid_loop'),
  give_back: bare('give_back'),
  hostile: { sources: ['hostile.c'], flags: ['-O1', '-pthread', ...STATIC] },
  hooked: { sources: ['hooked.c'], flags: ['-O1', ...STATIC] },
  identity: { sources: ['identity.c'], flags: ['-O1', '-pthread', ...STATIC] },
  interfaces: { sources: ['interfaces.c'], flags: ['-O1', ...STATIC] },
  interrupted: { sources: ['interrupted.c'], flags: ['-O1', ...STATIC] },
  ipc_queues: { sources: ['ipc_queues.c'], flags: ['-O1', ...STATIC] },
  memory: bare('memory'),
  memory_advice: { sources: ['memory_advice.c'], flags: ['-O1', ...STATIC] },
  memory_locks: { sources: ['memory_locks.c'], flags: ['-O1', ...STATIC] },
  memory_moves: { sources: ['memory_moves.c'], flags: ['-O1', ...STATIC] },
  memory_model: bare('memory_model'),
  native_fault: { sources: ['native_fault.c'], flags: ['-O1', '-mno-red-zone'] },
  open_how: { sources: ['open_how.c'], flags: ['-O1', ...STATIC] },
  out_of_memory: { sources: ['out_of_memory.c'], flags: ['-O1', ...STATIC] },
  processes: { sources: ['processes.c'], flags: ['-O1', ...STATIC] },
  net_client: { sources: ['net_client.c'], flags: ['-O1', ...STATIC] },
  registers: {
    sources: ['registers.c', 'registers_probe.S'],
    flags: ['-O2', '-mgeneral-regs-only', ...BARE],
  },
  refused: { sources: ['refused.c'], flags: ['-O1', ...STATIC] },
  rseq_counters: { sources: ['rseq_counters.c'], flags: ['-O1', '-pthread', ...STATIC] },
  segment_base: { sources: ['segment_base.c'], flags: ['-O1', '-mfsgsbase', ...BARE] },
  shared_segments: { sources: ['shared_segments.c'], flags: ['-O1', ...STATIC] },
  siginfo: { sources: ['siginfo.c'], flags: ['-O1', ...STATIC] },
  signal_calls: { sources: ['signal_calls.c'], flags: ['-O1', '-pthread', ...STATIC] },
  spin: bare('spin'),
  swapper: { sources: ['swapper.c'], flags: ['-O1', ...STATIC] },
  tcp_sockets: { sources: ['tcp_sockets.c'], flags: ['-O1', ...STATIC] },
  task_state: { sources: ['task_state.c'], flags: ['-O2', '-pthread', ...STATIC] },
  traced_calls: { sources: ['traced_calls.c'], flags: ['-O1'] },
  threads: { sources: ['threads.c'], flags: ['-O1', '-pthread', ...STATIC] },
  task_calls: { sources: ['task_calls.c'], flags: ['-O1', '-pthread', ...STATIC] },
  task_edges: { sources: ['task_edges.c'], flags: ['-O1', '-pthread', ...STATIC] },
  timers: { sources: ['timers.c'], flags: ['-O1', ...STATIC] },
  udp_sockets: { sources: ['udp_sockets.c'], flags: ['-O1', ...STATIC] },
  unix_messages: { sources: ['unix_messages.c'], flags: ['-O1', ...STATIC] },
  unix_streams: { sources: ['unix_streams.c'], flags: ['-O1', ...STATIC] },
  wild: bare('wild'),
} as const satisfies Record<string, Recipe>;

export type GuestName = keyof typeof RECIPES;
export const guestNames = Object.keys(RECIPES) as GuestName[];

/** A folder under .cache (which git ignores), made if need be. */
export function cacheFolder(name: string): string {
  const folder = join(CACHE, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function newestSource(sources: readonly string[]): number {
  const headers = readdirSync(SOURCES).filter((name) => name.endsWith('.h'));
  const files = [...sources, ...headers, 'build.ts'].map((name) => join(SOURCES, name));
  return Math.max(...files.map((file) => statSync(file).mtimeMs));
}

function compile(sources: readonly string[], flags: readonly string[], binary: string): void {
  // Tests run side by side: nobody may meet a half-written program.
  const unfinished = `${binary}.${process.pid}`;
  execFileSync(
    'gcc',
    [...COMMON, ...flags, '-o', unfinished, ...sources.map((name) => join(SOURCES, name))],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  renameSync(unfinished, binary);
}

/** Path of a guest program, compiled if need be. */
export function guest(name: GuestName): string {
  const { sources, flags } = RECIPES[name];
  const binary = join(cacheFolder('guests'), name);
  if (!existsSync(binary) || statSync(binary).mtimeMs < newestSource(sources)) {
    compile(sources, flags, binary);
  }
  return binary;
}

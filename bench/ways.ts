/** The ways in which one workload runs, beside one another. */
import type { SandboxOptions } from '../src/options.js';
import { ringfence } from '../test/real/outcome.js';

export const WAYS = ['native', 'ptrace', 'kvm', 'kvm-exitless'] as const;
export type Way = (typeof WAYS)[number];
export type SandboxWay = Exclude<Way, 'native'>;

export const SANDBOX_WAYS = [
  'ptrace',
  'kvm',
  'kvm-exitless',
] as const satisfies readonly SandboxWay[];

/** `kvm` leaves the guest for each call; `kvm-exitless` is all there is against that. */
const OPTIONS = {
  ptrace: { platform: 'ptrace' },
  kvm: { platform: 'kvm', exitless: 'off' },
  'kvm-exitless': { platform: 'kvm', exitless: 'auto', rewriteCalls: true },
} as const satisfies Record<SandboxWay, SandboxOptions>;

export const sandboxOptions = (way: SandboxWay): SandboxOptions => OPTIONS[way];

/** The command line that runs `command` in a way. */
export function commandOf(way: Way, command: readonly string[]): readonly string[] {
  if (way === 'native') return command;
  const options: SandboxOptions = OPTIONS[way];
  return ringfence(command, [
    `--platform=${OPTIONS[way].platform}`,
    ...(options.exitless === undefined ? [] : [`--exitless=${options.exitless}`]),
    ...(options.rewriteCalls === true ? ['--rewrite-calls'] : []),
  ]);
}

/** What the host must have for it, in the words of `Row.needs`. */
export const needsOf = (way: Way): readonly string[] =>
  way === 'native' ? [] : [way === 'ptrace' ? 'ptrace' : 'kvm'];

/** The workload and the way of a row's name; undefined where the row is no workload's. */
export function splitName(
  name: string,
): { readonly workload: string; readonly way: Way } | undefined {
  const dot = name.lastIndexOf('.');
  const way = WAYS.find((candidate) => candidate === name.slice(dot + 1));
  return way === undefined ? undefined : { workload: name.slice(0, dot), way };
}

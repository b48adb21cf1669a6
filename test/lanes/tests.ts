/** What a lane runs in its machine: shell commands, in the repository. */
import { HOST_FEATURES } from './host-features.js';

/** How a lane's machine differs from an ordinary one, for the tests to know. */
export interface Surroundings {
  readonly emulator: 'tcg' | 'bochs';
  /** How many times longer than usual a test may take. */
  readonly slowdown: number;
  /** How many times less than usual a test is to do, where it repeats itself. */
  readonly reduction: number;
  /** A parameter of a KVM module, and the value it must have. */
  readonly module: string;
  readonly parameter: string;
  readonly value: 'Y' | 'N';
}

/** The machine must be what it says, or nothing it shows counts: the module's parameter, and the class. */
export function prelude(surroundings: Surroundings): string {
  const { emulator, slowdown, reduction, module, parameter, value } = surroundings;
  return `export CI=true RINGFENCE_EMULATOR=${emulator} RINGFENCE_TEST_SLOWDOWN=${slowdown}
export RINGFENCE_TEST_REDUCTION=${reduction} RINGFENCE_TEST_PLATFORM=kvm
found=$(cat /sys/module/${module}/parameters/${parameter})
echo "lane: ${module}, ${parameter}=$found; left out: the contract without leaving the guest (kvm-exitless); events, file_signals (milliseconds)"
[ "$found" = ${value} ] || { echo 'lane: the module did not take its parameter'; exit 1; }
node dist/cli/main.cjs doctor || exit 1
node dist/cli/main.cjs doctor --json | grep -q '"class": "hardware"' || {
  echo 'lane: the self-test did not find the hardware class'
  exit 1
}
${HOST_FEATURES} || exit 1
`;
}

/** Vitest on files whose names contain one of `names`. */
export function vitest(...names: readonly string[]): string {
  return `node node_modules/vitest/vitest.mjs run ${names.join(' ')}\n`;
}

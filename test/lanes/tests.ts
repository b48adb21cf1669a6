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

/**
 * The machine must be what it says, or nothing it shows counts: the module's parameter, and the class.
 *
 * A virtual machine and a vCPU are kept throughout, from before the second processor is there. With the first and the
 * last of them KVM has the kernel patch static branches (`preempt_notifier_key`, in the scheduler), and a processor of
 * QEMU's emulator that translates the code meanwhile may run a half of such a patch long after it is done: the kernel
 * then dies in the scheduler, of a breakpoint that nobody set or of a stack that nobody overran. What the kernel
 * patches as it starts is patched beside no other processor either (`maxcpus=1`).
 */
export function prelude(surroundings: Surroundings): string {
  const { emulator, slowdown, reduction, module, parameter, value } = surroundings;
  return `${HOST_FEATURES} hold || exit 1
for processor in /sys/devices/system/cpu/cpu*/online; do
  [ ! -e "$processor" ] || echo 1 > "$processor" || exit 1
done
export CI=true RINGFENCE_EMULATOR=${emulator} RINGFENCE_TEST_SLOWDOWN=${slowdown}
export RINGFENCE_TEST_REDUCTION=${reduction} RINGFENCE_TEST_PLATFORM=kvm
found=$(cat /sys/module/${module}/parameters/${parameter})
echo "lane: ${module}, ${parameter}=$found; left out: the contract without leaving the guest (kvm-exitless)"
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

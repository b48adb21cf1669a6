/** The floors: C programs that do what a sandbox cannot do without, and nothing else. */
import { availableParallelism } from 'node:os';

import { ask, compile, files } from '../asked-program.js';
import type { Row } from '../sampler.js';

interface Floor {
  readonly name: string;
  /** Of the binary, and of its source in this folder. */
  readonly program: string;
  readonly arguments: readonly string[];
  readonly needs: readonly string[];
}

/** Calls that leave the guest. */
const KVM: Floor = { name: 'kvm.raw', program: 'kvm_raw', arguments: [], needs: ['kvm', 'gcc'] };
/** Calls that do not: entered by a jump to the doorway, and by `syscall`. */
const EXITLESS: readonly Floor[] = [
  { ...KVM, name: 'kvm.raw.exitless', arguments: ['/dev/kvm', 'exitless'] },
  { ...KVM, name: 'kvm.raw.exitless.syscall', arguments: ['/dev/kvm', 'exitless-syscall'] },
];
const ptrace = (cores: 'one-core' | 'two-cores'): Floor => ({
  name: `ptrace.raw.${cores}`,
  program: 'ptrace_raw',
  arguments: [cores],
  needs: ['ptrace', 'gcc'],
});
const seccomp = (answer: 'notify' | 'sigsys'): Floor => ({
  name: `seccomp.raw.${answer}`,
  program: 'seccomp_raw',
  arguments: [answer],
  needs: ['gcc'],
});

/** kvm_raw is made of the parts of the product that make the machine and run it once. */
const product = (): readonly string[] => [
  ...files('native', '.c'),
  'native/interrupts.cc',
  ...files('ring0', '.S'),
];

const build = ({ program }: Floor): string =>
  compile(program, [`bench/raw/${program}.c`, ...(program === KVM.program ? product() : [])]);

const row =
  (floor: Floor) =>
  (samples: number, batch: number): Row => ({
    name: floor.name,
    unit: 'µs',
    needs: floor.needs,
    open: () => ask({ command: [build(floor), ...floor.arguments], unit: 'µs', samples, batch }),
  });

const rows =
  (floors: readonly Floor[]) =>
  (samples: number, batch: number): readonly Row[] =>
    floors.map((floor) => row(floor)(samples, batch));

/** `samples` at a time, each the mean of `batch` switches. */
export const kvmRaw = row(KVM);
export const kvmRawExitless = rows(EXITLESS);
export const ptraceRows = rows([
  ptrace('one-core'),
  ...(availableParallelism() > 1 ? [ptrace('two-cores')] : []),
]);
export const seccompRows = rows([seccomp('notify'), seccomp('sigsys')]);

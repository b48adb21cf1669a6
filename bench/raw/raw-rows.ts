/** The floors: C programs, compiled when a source is newer, kept running and asked for samples. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from '../../test/guests/build.js';
import type { Row, Sampler } from '../sampler.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files of a folder of the repository, by their extension. */
const files = (folder: string, extension: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

interface Floor {
  readonly name: string;
  /** Of the binary, and of its source in this folder. */
  readonly program: string;
  readonly arguments?: readonly string[];
  /** The sources beside its own. */
  readonly sources: () => readonly string[];
  readonly needsKvm: boolean;
}

/** kvm_raw is made of the parts of the product that make the machine and run it once. */
const product = (): readonly string[] => [
  ...files('native', '.c'),
  'native/interrupts.cc',
  ...files('ring0', '.S'),
];
const nothing = (): readonly string[] => [];

const KVM: Floor = { name: 'kvm.raw', program: 'kvm_raw', sources: product, needsKvm: true };
/** Calls that do not leave the guest: entered by a jump to the doorway, and by `syscall`. */
const EXITLESS: readonly Floor[] = [
  { ...KVM, name: 'kvm.raw.exitless', arguments: ['/dev/kvm', 'exitless'] },
  { ...KVM, name: 'kvm.raw.exitless.syscall', arguments: ['/dev/kvm', 'exitless-syscall'] },
];
const ptrace = (cores: 'one-core' | 'two-cores'): Floor => ({
  name: `ptrace.raw.${cores}`,
  program: 'ptrace_raw',
  arguments: [cores],
  sources: nothing,
  needsKvm: false,
});

function build({ program, sources }: Floor): string {
  const binary = join(cacheFolder('bench'), program);
  const all = [`bench/raw/${program}.c`, ...sources()];
  const headers = [...files('native', '.h'), ...files('ring0', '.h')];
  const newest = Math.max(
    ...[...all, ...headers].map((name) => statSync(join(ROOT, name)).mtimeMs),
  );
  if (!existsSync(binary) || statSync(binary).mtimeMs < newest) {
    execFileSync(
      'gcc',
      ['-O2', '-D_GNU_SOURCE', '-I', ROOT, '-pthread', '-o', binary, ...all, '-lstdc++'],
      { cwd: ROOT, stdio: 'inherit' },
    );
  }
  return binary;
}

function open(floor: Floor, samples: number, batch: number): Sampler {
  const child = spawn(build(floor), floor.arguments ?? [], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name: floor.name,
    unit: 'µs',
    async sample() {
      child.stdin.write(`${samples} ${batch}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`${floor.program} has ended`);
      return line.value
        .trim()
        .split(' ')
        .map((time) => Number(time) / batch / 1000);
    },
    close() {
      child.stdin.end();
    },
  };
}

const row =
  (floor: Floor) =>
  (samples: number, batch: number): Row => ({
    name: floor.name,
    needsKvm: floor.needsKvm,
    open: () => open(floor, samples, batch),
  });

/** `samples` at a time, each the mean of `batch` switches. */
export const kvmRaw = row(KVM);
export const kvmRawExitless = (samples: number, batch: number): readonly Row[] =>
  EXITLESS.map((floor) => row(floor)(samples, batch));

export const ptraceRows = (samples: number, batch: number): readonly Row[] =>
  [ptrace('one-core'), ...(availableParallelism() > 1 ? [ptrace('two-cores')] : [])].map((floor) =>
    row(floor)(samples, batch),
  );

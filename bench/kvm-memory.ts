/** What address spaces cost on KVM: mapping, unmapping, faults, copies, and a change of context on a vCPU. */
import { createKvmPlatform } from '../src/kvm/platform.js';
import { Access } from '../src/platform/access.js';
import {
  MemoryKind,
  SwitchResult,
  type AddressSpace,
  type Context,
  type Platform,
} from '../src/platform/contract.js';
import type { FileRange } from '../src/platform/file-range.js';
import { Register, Registers } from '../src/platform/registers.js';
import type { Row, Sampler } from './sampler.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const PAGE = 4 * KIB;
const CODE = 0x10000;
/** Aligned for every size of page. */
const TARGET = 64 * GIB;
const RW = Access.Read | Access.Write;

/** again: mov (%rdi), %rax; syscall; jmp again */
const TOUCH = Uint8Array.from([0x48, 0x8b, 0x07, 0x0f, 0x05, 0xeb, 0xf9]);

class Bench {
  readonly platform: Platform = createKvmPlatform({ memoryLimit: 2 * GIB, vcpus: 1 });
  readonly space: AddressSpace;
  readonly contexts: readonly [Context, Context];
  readonly registers: readonly [Registers, Registers] = [new Registers(), new Registers()];
  readonly range: FileRange;

  constructor(size: number) {
    const { memory } = this.platform;
    const space = this.platform.newAddressSpace();
    if (space instanceof Promise) throw new Error('no address space is to be had at once');
    this.space = space;
    this.range = memory.allocate(size, MemoryKind.Anonymous);
    const code = memory.allocate(PAGE, MemoryKind.Anonymous);
    memory.mapInternal(code, Access.Write)[0]?.set(TOUCH);
    memory.mapInto(space, CODE, code, Access.Read | Access.Execute, false);
    this.contexts = [this.platform.newContext(), this.platform.newContext()];
    for (const registers of this.registers) {
      registers.setNumber(Register.Rip, CODE);
      registers.setNumber(Register.Rdi, TARGET);
    }
  }

  map(): void {
    this.platform.memory.mapInto(this.space, TARGET, this.range, RW, false);
  }

  unmap(): void {
    this.space.unmap(TARGET, this.range.end - this.range.start);
  }

  /** One switch of context `n`: `expected` is how it must end. */
  touch(n: 0 | 1, expected: SwitchResult): void {
    const result = this.contexts[n].switchSync(this.space, this.registers[n], -1);
    if (result !== expected) throw new Error(`the guest left by ${result}, not ${expected}`);
  }
}

/** One timed action, and what makes it possible again. */
interface Action {
  readonly name: string;
  readonly size?: number;
  readonly prepare?: (bench: Bench) => void;
  readonly act: (bench: Bench) => void;
  readonly undo?: (bench: Bench) => void;
}

const page = new Uint8Array(PAGE);

const map = (name: string, size: number): Action => ({
  name,
  size,
  act: (bench) => {
    bench.map();
  },
  undo: (bench) => {
    bench.unmap();
  },
});

const ACTIONS: readonly Action[] = [
  map('map.4k', PAGE),
  map('map.2m', 2 * MIB),
  map('map.1g', GIB),
  {
    name: 'unmap.4k',
    prepare: (bench) => {
      bench.map();
      bench.touch(0, SwitchResult.Syscall);
    },
    act: (bench) => {
      bench.unmap();
    },
  },
  {
    name: 'fault',
    act: (bench) => {
      bench.touch(0, SwitchResult.Signal);
    },
  },
  {
    name: 'copyin.4k',
    prepare: (bench) => {
      bench.map();
    },
    act: (bench) => {
      bench.space.copyIn(TARGET, page);
    },
  },
  {
    name: 'context.change',
    prepare: (bench) => {
      bench.map();
      bench.touch(1, SwitchResult.Syscall);
    },
    act: (bench) => {
      bench.touch(0, SwitchResult.Syscall);
    },
  },
];

function open(action: Action, samples: number): Sampler {
  const bench = new Bench(action.size ?? PAGE);
  return {
    sample() {
      const times: number[] = [];
      for (let i = 0; i < samples; i++) {
        action.prepare?.(bench);
        const start = performance.now();
        action.act(bench);
        times.push((performance.now() - start) * 1000);
        action.undo?.(bench);
      }
      return times;
    },
    close() {
      bench.platform.dispose();
    },
  };
}

/** `samples` of each row at a time. */
export const memoryRows = (samples: number): readonly Row[] =>
  ACTIONS.map((action) => ({
    name: action.name,
    unit: 'µs',
    needs: ['kvm'],
    open: () => open(action, samples),
  }));

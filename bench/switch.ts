/** A switch through the platforms' contract: the same guest as kvm_raw.c's and ptrace_raw.c's. */
import { native } from '../src/host/native.js';
import { createKvmPlatform } from '../src/kvm/platform.js';
import { Access } from '../src/platform/access.js';
import {
  MemoryKind,
  SwitchResult,
  type AddressSpace,
  type Context,
  type Platform,
} from '../src/platform/contract.js';
import { Register, Registers } from '../src/platform/registers.js';
import { createPtracePlatform } from '../src/ptrace/platform.js';
import type { Row, Sampler } from './sampler.js';

const CODE_ADDRESS = 0x10000;
const PAGE = 4096;

/** again: mov $39, %eax; syscall; jmp again */
const LOOP_CODE = Uint8Array.from([0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]);

const JUMP = new Uint8Array(Int32Array.of(native.constants.doorwayJumpPointer).buffer);
/** again: mov $39, %eax; lea back(%rip), %rcx; jmp *doorwayJumpPointer; back: jmp again */
const JUMP_CODE = Uint8Array.from([
  ...[0xb8, 39, 0, 0, 0, 0x48, 0x8d, 0x0d, 7, 0, 0, 0, 0xff, 0x24, 0x25],
  ...JUMP,
  ...[0xeb, 0xeb],
]);

interface Guest {
  readonly platform: Platform;
  readonly addressSpace: AddressSpace;
  readonly context: Context;
  readonly registers: Registers;
}

function createGuest(platform: Platform, code: Uint8Array): Guest {
  const { memory } = platform;
  const range = memory.allocate(PAGE, MemoryKind.Anonymous);
  memory.mapInternal(range, Access.Write)[0]?.set(code);
  const made = platform.newAddressSpace();
  if (made instanceof Promise) throw new Error('no address space is to be had at once');
  memory.mapInto(made, CODE_ADDRESS, range, Access.Read | Access.Execute, true);
  const registers = new Registers();
  registers.setNumber(Register.Rip, CODE_ADDRESS);
  return { platform, addressSpace: made, context: platform.newContext(), registers };
}

function check(result: SwitchResult, registers: Registers): void {
  if (result !== SwitchResult.Syscall || registers.low32(Register.Rax) !== 39) {
    throw new Error(`the guest left by something else than a system call: ${result}`);
  }
  registers.setNumber(Register.Rax, 1);
}

function sampleSync(guest: Guest, batch: number): number {
  const { addressSpace, context, registers } = guest;
  const start = performance.now();
  for (let i = 0; i < batch; i++) {
    check(context.switchSync(addressSpace, registers, -1), registers);
  }
  return ((performance.now() - start) * 1000) / batch;
}

async function sampleAsync(guest: Guest, batch: number): Promise<number> {
  const { addressSpace, context, registers } = guest;
  const start = performance.now();
  for (let i = 0; i < batch; i++) {
    check(await context.switch(addressSpace, registers, -1), registers);
  }
  return ((performance.now() - start) * 1000) / batch;
}

/** What is switched to, and how. */
interface Trip {
  readonly name: string;
  readonly platform: () => Platform;
  readonly sample: (guest: Guest, batch: number) => number | Promise<number>;
  readonly code?: Uint8Array;
}

function open(
  { platform, sample, code = LOOP_CODE }: Trip,
  samples: number,
  batch: number,
): Sampler {
  const guest = createGuest(platform(), code);
  return {
    async sample() {
      const times: number[] = [];
      for (let i = 0; i < samples; i++) times.push(await sample(guest, batch));
      return times;
    },
    close() {
      guest.context.dispose();
      guest.addressSpace.release();
      guest.platform.dispose();
    },
  };
}

/** `samples` at a time, each the mean of `batch` switches. */
const rows =
  (need: 'kvm' | 'ptrace', trips: readonly Trip[]) =>
  (samples: number, batch: number): readonly Row[] =>
    trips.map((trip) => ({
      name: trip.name,
      unit: 'µs',
      needs: [need],
      open: () => open(trip, samples, batch),
    }));

const leaving = (): Platform => createKvmPlatform({ exitless: 'off' });

export const kvmSwitchRows = rows('kvm', [
  { name: 'kvm.switchSync', platform: leaving, sample: sampleSync },
  { name: 'kvm.switch', platform: leaving, sample: sampleAsync },
]);

const staying = (): Platform => createKvmPlatform({ exitless: 'auto' });

/** Calls answered in the doorway: entered by a jump, by `syscall`, and with `switch` by a jump. */
export const exitlessRows = rows('kvm', [
  { name: 'kvm.exitless', platform: staying, sample: sampleSync, code: JUMP_CODE },
  { name: 'kvm.exitless.syscall', platform: staying, sample: sampleSync },
  { name: 'kvm.exitless.switch', platform: staying, sample: sampleAsync, code: JUMP_CODE },
]);

/** `switchSync` and `switch` on ptrace. */
export const ptraceSwitchRows = rows('ptrace', [
  { name: 'ptrace.switch', platform: createPtracePlatform, sample: sampleSync },
  { name: 'ptrace.switch.async', platform: createPtracePlatform, sample: sampleAsync },
]);

import { describe, expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import {
  AT_RIP,
  FAULT_CASES,
  HOLE,
  nativeFault,
  READ_ONLY,
  SIGSEGV,
  type FaultCase,
} from './fault-cases.js';
import { CODE, type Fault } from './guest.js';
import { describePlatforms } from './platforms.js';

function expectedOf({ expected }: FaultCase, rip: number): Fault {
  return expected.address === AT_RIP ? { ...expected, address: rip } : expected;
}

describe('what is expected of exceptions', () => {
  it('is what this host`s Linux tells', () => {
    for (const faultCase of FAULT_CASES) {
      if (faultCase.ours === true) continue;
      const { rip, ...fault } = nativeFault(faultCase.source);
      expect(fault, faultCase.name).toEqual(expectedOf(faultCase, rip));
    }
  });
});

describePlatforms('an exception', (platform) => {
  it.each(FAULT_CASES)('$name', (faultCase) => {
    using guest = platform.guest(`${faultCase.source}\n syscall`);
    guest.map(guest.space, READ_ONLY, guest.allocate(4096), Access.Read);
    expect(guest.run()).toBe(SwitchResult.Signal);
    const rip = guest.registers.getNumber(Register.Rip);
    expect(guest.fault()).toEqual(expectedOf(faultCase, rip));
    if (faultCase.ours !== true) expect(rip).toBe(nativeFault(faultCase.source).rip);
  });

  it('leaves rip at the instruction, and the registers and the red zone as they were', () => {
    using guest = platform.guest(`movq ${HOLE}, %rax\n syscall`);
    const { registers } = guest;
    registers.set(Register.Rbx, 0x1234567890abcdefn);
    registers.set(Register.R11, 0xfedcba0987654321n);
    registers.set(Register.Rcx, 0x1111111111111111n);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(registers.getNumber(Register.Rip)).toBe(CODE);
    expect(registers.get(Register.Rbx)).toBe(0x1234567890abcdefn);
    expect(registers.get(Register.R11)).toBe(0xfedcba0987654321n);
    expect(registers.get(Register.Rcx)).toBe(0x1111111111111111n);
    guest.map(guest.space, HOLE, guest.allocate(4096), Access.Read);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(registers.get(Register.R11) & 0xffn).toBe(registers.get(Register.Rflags) & 0xffn);
  });

  it('rewinds a port access to the instruction', () => {
    using guest = platform.guest('nop\n outb %al, $0xf5\n syscall');
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 1);
  });

  it('single-steps over a system call without showing what is behind it', () => {
    using guest = platform.guest('pushfq\n orl $0x100, (%rsp)\n popfq\n syscall\n nop\n syscall');
    for (let i = 0; i < 10; i++) {
      const result = guest.run();
      const rip = guest.registers.getNumber(Register.Rip);
      expect(rip).toBeLessThan(CODE + 4096);
      if (result === SwitchResult.Syscall && rip > CODE + 13) return;
      expect([SwitchResult.Syscall, SwitchResult.Signal]).toContain(result);
    }
    throw new Error('the guest did not reach its end');
  });

  it('at a fetch that runs on into nothing is one of the page that is not there', () => {
    using guest = platform.guest('nop');
    const range = guest.allocate(4096);
    // A prefix, and nothing behind it.
    guest.platform.memory.mapInternal({ start: range.end - 1, end: range.end }, 2)[0]?.fill(0x48);
    guest.map(guest.space, HOLE, range, Access.Read | Access.Execute);
    guest.start(guest.registers, HOLE + 4095);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault()).toEqual({
      signo: SIGSEGV,
      code: 1,
      address: HOLE + 4096,
      access: Access.Execute,
    });
    expect(guest.registers.getNumber(Register.Rip)).toBe(HOLE + 4095);
  });

  it('leaves a string instruction where it got to', () => {
    using guest = platform.guest('rep stosb');
    guest.map(guest.space, HOLE, guest.allocate(4096), Access.Read | Access.Write);
    const { registers } = guest;
    registers.setNumber(Register.Rdi, HOLE + 4000);
    registers.setNumber(Register.Rcx, 200);
    registers.setNumber(Register.Rax, 0xab);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault().address).toBe(HOLE + 4096);
    expect(registers.getNumber(Register.Rdi)).toBe(HOLE + 4096);
    expect(registers.getNumber(Register.Rcx)).toBe(104);
    const stored = new Uint8Array(97);
    guest.space.copyIn(HOLE + 3999, stored);
    expect([...stored]).toEqual([0, ...new Array<number>(96).fill(0xab)]);
  });

  it('may be a CPUID if it is a general protection fault, and no other', () => {
    // QEMU's emulator raises #GP for #SS.
    const onTcg = process.env['RINGFENCE_EMULATOR'] === 'tcg';
    const pushToNonCanonical = 'movabsq $0x8000000000000000, %rsp\n pushq %rax';
    for (const [source, maybe] of [
      ['hlt', true],
      ['movabsq $0x8000000000000000, %rax\n movq (%rax), %rax', true],
      [pushToNonCanonical, onTcg],
      ['ud2', false],
      ['int3', false],
      ['xorl %ecx, %ecx\n divl %ecx', false],
      [`movq ${HOLE}, %rax`, false],
      ['hlt', true],
    ] as const) {
      using guest = platform.guest(source);
      expect(guest.run()).toBe(SwitchResult.Signal);
      expect(guest.registers.maybeCpuid, source).toBe(maybe);
      expect(guest.registers.signalInfo()).toEqual({
        signo: guest.fault().signo,
        code: guest.fault().code,
        address: BigInt(guest.fault().address),
        access: guest.fault().access,
        maybeCpuid: maybe,
      });
    }
  });
});

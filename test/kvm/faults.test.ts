import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { CODE, DATA, Guest, type Fault } from './guest.js';

const SIGILL = 4;
const SIGTRAP = 5;
const SIGBUS = 7;
const SIGFPE = 8;
const SIGSEGV = 11;
const MAPERR = 1;
const ACCERR = 2;
const SI_KERNEL = 0x80;

const at = (signo: number, code: number, address = 0, access = 0): Fault => ({
  signo,
  code,
  address,
  access,
});

const HOLE = 0x400000;
const READ_ONLY = 0x500000;
const KERNEL = '0xffffffff80001000';

const CASES: readonly [string, string, Fault][] = [
  ['a read of nothing', `movq ${HOLE + 8}, %rax`, at(SIGSEGV, MAPERR, HOLE + 8, Access.Read)],
  ['a write of nothing', `movq %rax, ${HOLE + 16}`, at(SIGSEGV, MAPERR, HOLE + 16, Access.Write)],
  [
    'a fetch of nothing',
    `movl $${HOLE}, %eax\n jmp *%rax`,
    at(SIGSEGV, MAPERR, HOLE, Access.Execute),
  ],
  ['a null pointer', 'movq 0, %rax', at(SIGSEGV, MAPERR, 0, Access.Read)],
  [
    'a write of what is read-only',
    `movb $1, ${READ_ONLY + 5}`,
    at(SIGSEGV, ACCERR, READ_ONLY + 5, Access.Write),
  ],
  [
    'a fetch of what is not executable',
    `movl $${DATA}, %eax\n jmp *%rax`,
    at(SIGSEGV, ACCERR, DATA, Access.Execute),
  ],
  [
    'a read of the stub',
    `movabsq $${KERNEL}, %rax\n movq (%rax), %rax`,
    at(SIGSEGV, MAPERR, Number(KERNEL), Access.Read),
  ],
  [
    'a non-canonical address',
    'movabsq $0x8000000000000000, %rax\n movq (%rax), %rax',
    at(SIGSEGV, SI_KERNEL),
  ],
  ['a division by zero', 'xorl %ecx, %ecx\n divl %ecx', at(SIGFPE, 1, CODE + 2)],
  ['an invalid opcode', 'ud2', at(SIGILL, 2, CODE)],
  ['a breakpoint', 'int3', at(SIGTRAP, SI_KERNEL)],
  ['a single step', 'pushfq\n orl $0x100, (%rsp)\n popfq\n nop\n nop', at(SIGTRAP, 2, CODE + 10)],
  ['a privileged instruction', 'cli', at(SIGSEGV, SI_KERNEL)],
  ['a halt', 'hlt', at(SIGSEGV, SI_KERNEL)],
  ['a port', 'outb %al, $0x80', at(SIGSEGV, SI_KERNEL)],
  ['the doorway`s port', 'outb %al, $0xf5', at(SIGSEGV, SI_KERNEL)],
  ['the doorway`s port by dx', 'movw $0xf5, %dx\n outb %al, %dx', at(SIGSEGV, SI_KERNEL)],
  ['a read of the doorway`s port', 'inb $0xf5, %al', at(SIGSEGV, SI_KERNEL)],
  ['a control register', 'movq %cr3, %rax', at(SIGSEGV, SI_KERNEL)],
  ['a 32-bit system call', 'int $0x80', at(SIGSEGV, SI_KERNEL)],
  ['a vector of no use', 'int $0x21', at(SIGSEGV, SI_KERNEL)],
  [
    'an unmasked SSE division by zero',
    `movl $0x1d80, -8(%rsp)\n ldmxcsr -8(%rsp)\n xorps %xmm0, %xmm0
     movl $1, %eax\n cvtsi2ss %eax, %xmm1\n divss %xmm0, %xmm1`,
    at(SIGFPE, 3, CODE + 0x1a),
  ],
  [
    'an unmasked x87 division by zero',
    'movw $0x37b, -8(%rsp)\n fldcw -8(%rsp)\n fldz\n fld1\n fdivp\n fwait',
    at(SIGFPE, 3, CODE + 0x10),
  ],
  [
    'an alignment check',
    'pushfq\n orl $0x40000, (%rsp)\n popfq\n movl -7(%rsp), %eax',
    at(SIGBUS, 1),
  ],
];

/** QEMU's emulator raises neither #XM nor #AC: there is nothing to report. */
const NOT_EMULATED = ['an unmasked SSE division by zero', 'an alignment check'];
const raised = CASES.filter(
  ([name]) => process.env['RINGFENCE_EMULATOR'] !== 'tcg' || !NOT_EMULATED.includes(name),
);

describeKvm('an exception', () => {
  it.each(raised)('%s', (_name, source, expected) => {
    using guest = new Guest(`${source}\n syscall`);
    guest.map(guest.space, READ_ONLY, guest.allocate(4096), Access.Read);
    expect(guest.run()).toBe(SwitchResult.Signal);
    const fault = guest.fault();
    if (expected.signo === SIGFPE) {
      expect({ ...fault, address: 0 }).toEqual({ ...expected, address: 0 });
      expect(fault.address).toBe(guest.registers.getNumber(Register.Rip));
    } else {
      expect(fault).toEqual(expected);
    }
  });

  it('leaves rip at the instruction, and the registers and the red zone as they were', () => {
    using guest = new Guest(`movq ${HOLE}, %rax\n syscall`);
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

  it('rewinds a port access of the program`s own to the instruction', () => {
    using guest = new Guest('nop\n outb %al, $0xf5\n syscall');
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 1);
  });

  it('takes a jump into the doorway for the system call it amounts to', () => {
    using guest = new Guest(
      `leaq 1f(%rip), %rcx\n pushfq\n popq %r11
       movabsq $0xffffffff80000000, %rax\n jmp *%rax\n 1: nop`,
    );
    const result = guest.run();
    if (guest.platform.hostClass === 'deprivileged') {
      expect(result).toBe(SwitchResult.Syscall);
      expect(guest.registers.getNumber(Register.Rip)).toBe(guest.registers.getNumber(Register.Rcx));
    } else {
      expect(result).toBe(SwitchResult.Signal);
    }
  });

  it('single-steps over a system call without showing the doorway', () => {
    using guest = new Guest('pushfq\n orl $0x100, (%rsp)\n popfq\n syscall\n nop\n syscall');
    for (let i = 0; i < 10; i++) {
      const result = guest.run();
      const rip = guest.registers.getNumber(Register.Rip);
      expect(rip).toBeLessThan(CODE + 4096);
      if (result === SwitchResult.Syscall && rip > CODE + 13) return;
      expect([SwitchResult.Syscall, SwitchResult.Signal]).toContain(result);
    }
    throw new Error('the guest did not reach its end');
  });
});

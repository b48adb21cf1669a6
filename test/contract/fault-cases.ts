/** Code that raises exceptions, and what Linux makes of each. */
import { execFileSync } from 'node:child_process';
import { Access } from '../../src/platform/access.js';
import { guest } from '../guests/build.js';
import { assemble } from '../kvm/assemble.js';
import { CODE, DATA, type Fault } from './guest.js';

export const SIGILL = 4;
export const SIGTRAP = 5;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGSEGV = 11;

const MAPERR = 1;
const ACCERR = 2;
const SI_KERNEL = 0x80;
const ILL_ILLOPN = 2;
const TRAP_BRKPT = 1;
const TRAP_TRACE = 2;
const BUS_ADRALN = 1;
const FPE = { INTDIV: 1, FLTDIV: 3, FLTOVF: 4, FLTUND: 5, FLTRES: 6, FLTINV: 7 };

/** Nothing is mapped there. */
export const HOLE = 0x400000;
export const READ_ONLY = 0x500000;
const KERNEL = '0xffffffff80001000';
const NON_CANONICAL = '0x8000000000000000';

const PAGE_FAULT = 14;
const PF_WRITE = 2;
const PF_INSTRUCTION = 16;

export interface FaultCase {
  readonly name: string;
  readonly source: string;
  /** An address of `AT_RIP` is that of the instruction, which the test asks the host's Linux for. */
  readonly expected: Fault;
  /** Linux itself has a use for the instruction. */
  readonly ours?: boolean;
  /** QEMU's emulator does not raise it, or raises another: there is nothing to report, or something else. */
  readonly notEmulated?: boolean;
}

export const AT_RIP = -1;

function at(signo: number, code: number, address = 0, access = 0): Fault {
  return { signo, code, address, access };
}

const protection = at(SIGSEGV, SI_KERNEL);
const illegal = at(SIGILL, ILL_ILLOPN, AT_RIP);
const unmapped = (address: number, access: number): Fault => at(SIGSEGV, MAPERR, address, access);
const forbidden = (address: number, access: number): Fault => at(SIGSEGV, ACCERR, address, access);

const PAGE_FAULTS: readonly FaultCase[] = [
  ['a read of nothing', `movq ${HOLE + 8}, %rax`, unmapped(HOLE + 8, Access.Read)],
  ['a write of nothing', `movq %rax, ${HOLE + 16}`, unmapped(HOLE + 16, Access.Write)],
  ['a fetch of nothing', `movl $${HOLE}, %eax\n jmp *%rax`, unmapped(HOLE, Access.Execute)],
  ['a null pointer', 'movq 0, %rax', unmapped(0, Access.Read)],
  ['a jump to a null pointer', 'xorl %eax, %eax\n jmp *%rax', unmapped(0, Access.Execute)],
  [
    'a write by a call without a stack',
    `movl $${HOLE + 8}, %esp\n call 1f\n 1:`,
    unmapped(HOLE, 2),
  ],
  ['a read by a return without a stack', `movl $${HOLE}, %esp\n ret`, unmapped(HOLE, Access.Read)],
  ['a write across the end', `movq %rax, ${DATA + 4093}`, unmapped(DATA + 4096, Access.Write)],
  ['a read across the end', `movq ${DATA + 4093}, %rax`, unmapped(DATA + 4096, Access.Read)],
  [
    'a string store that runs past the end',
    `movl $${DATA + 4000}, %edi\n movl $200, %ecx\n rep stosb`,
    unmapped(DATA + 4096, Access.Write),
  ],
  ['a vector`s store to nothing', `movups %xmm0, ${HOLE}`, unmapped(HOLE, Access.Write)],
  ['a vector`s load of nothing', `movups ${HOLE}, %xmm0`, unmapped(HOLE, Access.Read)],
  ['a read of a read-only page`s end', `movq ${READ_ONLY + 4095}, %rax`, unmapped(0x501000, 1)],
  ['a write of what is read-only', `movb $1, ${READ_ONLY + 5}`, forbidden(READ_ONLY + 5, 2)],
  ['a write of code', `movb $1, ${CODE}`, forbidden(CODE, Access.Write)],
  ['a fetch of data', `movl $${DATA}, %eax\n jmp *%rax`, forbidden(DATA, Access.Execute)],
  ['a fetch of what is read-only', `movl $${READ_ONLY}, %eax\n jmp *%rax`, forbidden(READ_ONLY, 4)],
  [
    'a read of the kernel`s half',
    `movabsq $${KERNEL}, %rax\n movq (%rax), %rax`,
    unmapped(Number(KERNEL), Access.Read),
  ],
  [
    'a write of the kernel`s half',
    `movabsq $${KERNEL}, %rax\n movq %rax, (%rax)`,
    unmapped(Number(KERNEL), Access.Write),
  ],
  [
    'a fetch of the kernel`s half',
    'movabsq $0xffff800000000000, %rax\n jmp *%rax',
    unmapped(0xffff800000000000, Access.Execute),
  ],
].map(([name, source, expected]) => ({ name, source, expected }) as FaultCase);

const PROTECTION_FAULTS: readonly FaultCase[] = [
  ['a read of a non-canonical address', `movabsq $${NON_CANONICAL}, %rax\n movq (%rax), %rax`],
  ['a write of a non-canonical address', `movabsq $${NON_CANONICAL}, %rax\n movq %rax, (%rax)`],
  ['a jump to a non-canonical address', `movabsq $${NON_CANONICAL}, %rax\n jmp *%rax`],
  ['a privileged instruction', 'cli'],
  ['a halt', 'hlt'],
  ['a port', 'outb %al, $0x80'],
  ['the doorway`s port', 'outb %al, $0xf5'],
  ['the doorway`s port by dx', 'movw $0xf5, %dx\n outb %al, %dx'],
  ['a read of the doorway`s port', 'inb $0xf5, %al'],
  ['a control register', 'movq %cr3, %rax'],
  ['a debug register', 'movq %dr7, %rax'],
  ['a model-specific register', 'rdmsr'],
  ['a null stack segment', 'xorl %eax, %eax\n movl %eax, %ss'],
  ['a segment of the kernel`s', 'movl $0x18, %eax\n movl %eax, %ds'],
  ['a segment that is not there', 'movl $0xf00, %eax\n movl %eax, %es'],
  ['a misaligned vector', `movaps ${DATA + 4}, %xmm0`],
  ['an overflow', 'int $4'],
].map(([name, source]) => ({ name, source, expected: protection }) as FaultCase);

/** There it leaves the address behind the instruction, and an error code of its own. */
const VECTORS: readonly FaultCase[] = [
  ['a vector of no use', 'int $0x21'],
  ['the vector of divisions', 'int $0'],
  ['the vector of bounds', 'int $5'],
].map(([name = '', source = '']) => ({ name, source, expected: protection, notEmulated: true }));

/** With these exceptions unmasked, by the bit of the mask in MXCSR. */
function sse(unmasked: number, compute: string): string {
  return `movl $${0x1f80 & ~(0x80 << unmasked)}, -8(%rsp)\n ldmxcsr -8(%rsp)\n ${compute}`;
}

/** And by the bit of the mask in the x87 control word. */
function x87(unmasked: number, compute: string): string {
  return `movw $${0x37f & ~(1 << unmasked)}, -8(%rsp)\n fldcw -8(%rsp)\n ${compute}\n fwait`;
}

const single = (bits: number, register: string): string =>
  `movl $${bits}, %eax\n movd %eax, %${register}\n`;

const SSE_CASES: readonly FaultCase[] = [
  ['an invalid operation', 0, 'xorps %xmm0, %xmm0\n divss %xmm0, %xmm0', FPE.FLTINV],
  ['a denormal', 1, `${single(1, 'xmm0')} addss %xmm0, %xmm0`, FPE.FLTUND],
  [
    'a division by zero',
    2,
    `xorps %xmm0, %xmm0\n ${single(0x3f800000, 'xmm1')} divss %xmm0, %xmm1`,
    FPE.FLTDIV,
  ],
  ['an overflow', 3, `${single(0x7f7fffff, 'xmm0')} mulss %xmm0, %xmm0`, FPE.FLTOVF],
  ['an underflow', 4, `${single(0x00800000, 'xmm0')} mulss %xmm0, %xmm0`, FPE.FLTUND],
  [
    'a rounding',
    5,
    `${single(0x40400000, 'xmm0')} ${single(0x3f800000, 'xmm1')} divss %xmm0, %xmm1`,
    FPE.FLTRES,
  ],
].map(([name, bit, compute, code]) => ({
  name: `${name as string}, unmasked in MXCSR`,
  source: sse(bit as number, compute as string),
  expected: at(SIGFPE, code as number, AT_RIP),
  notEmulated: true,
}));

const X87_CASES: readonly FaultCase[] = [
  ['an invalid operation', 0, 'fldz\n fdiv %st(0), %st(0)', FPE.FLTINV],
  ['an empty stack', 0, 'fstp %st(0)', FPE.FLTINV],
  ['a denormal', 1, 'movl $1, -16(%rsp)\n flds -16(%rsp)', FPE.FLTUND],
  ['a division by zero', 2, 'fldz\n fld1\n fdivp', FPE.FLTDIV],
  [
    'an overflow',
    3,
    'movl $0x7f7fffff, -16(%rsp)\n flds -16(%rsp)\n fld %st(0)\n fscale',
    FPE.FLTOVF,
  ],
  ['a rounding', 5, 'fldpi\n fld1\n fdivp', FPE.FLTRES],
].map(([name, bit, compute, code]) => ({
  name: `${name as string}, unmasked in the x87`,
  source: x87(bit as number, compute as string),
  expected: at(SIGFPE, code as number, AT_RIP),
  notEmulated: name === 'an empty stack' || name === 'a denormal',
}));

const OTHERS: readonly FaultCase[] = [
  {
    name: 'a division by zero',
    source: 'xorl %ecx, %ecx\n divl %ecx',
    expected: at(SIGFPE, FPE.INTDIV, AT_RIP),
  },
  {
    name: 'a quotient that does not fit',
    source: 'movl $0x80000000, %eax\n cltd\n movl $-1, %ecx\n idivl %ecx',
    expected: at(SIGFPE, FPE.INTDIV, AT_RIP),
  },
  { name: 'an invalid opcode', source: 'ud2', expected: illegal },
  { name: 'an opcode of 32-bit code', source: '.byte 0xce', expected: illegal },
  { name: 'a lock where there is nothing to lock', source: '.byte 0xf0, 0x90', expected: illegal },
  { name: 'a breakpoint', source: 'int3', expected: at(SIGTRAP, SI_KERNEL) },
  { name: 'a breakpoint of two bytes', source: '.byte 0xcd, 3', expected: at(SIGTRAP, SI_KERNEL) },
  {
    name: 'a debug trap',
    source: '.byte 0xf1',
    expected: at(SIGTRAP, TRAP_BRKPT, AT_RIP),
    notEmulated: true,
  },
  {
    name: 'a single step',
    source: 'pushfq\n orl $0x100, (%rsp)\n popfq\n nop\n nop',
    expected: at(SIGTRAP, TRAP_TRACE, AT_RIP),
  },
  {
    name: 'a stack at a non-canonical address',
    source: `movabsq $${NON_CANONICAL}, %rsp\n pushq %rax`,
    expected: at(SIGBUS, SI_KERNEL),
    notEmulated: true,
  },
  {
    name: 'a frame at a non-canonical address',
    source: `movabsq $${NON_CANONICAL}, %rbp\n movq -8(%rbp), %rax`,
    expected: at(SIGBUS, SI_KERNEL),
    notEmulated: true,
  },
  {
    name: 'an alignment check',
    source: 'pushfq\n orl $0x40000, (%rsp)\n popfq\n movl -7(%rsp), %eax',
    expected: at(SIGBUS, BUS_ADRALN),
    notEmulated: true,
  },
  { name: 'a 32-bit system call', source: 'int $0x80', expected: protection, ours: true },
];

/** The emulator, where it runs one processor at a time, reads first and faults for that. */
const LOCKED_FAULTS: readonly FaultCase[] = [
  { name: 'a change of nothing', source: `lock incq ${HOLE}` },
  {
    name: 'a comparison that would have changed nothing',
    source: `movl $1, %eax\n lock cmpxchgl %ecx, ${HOLE}`,
  },
].map((one) => ({ ...one, expected: unmapped(HOLE, Access.Write), notEmulated: true }));

export const FAULT_CASES: readonly FaultCase[] = [
  ...PAGE_FAULTS,
  ...LOCKED_FAULTS,
  ...PROTECTION_FAULTS,
  ...VECTORS,
  ...SSE_CASES,
  ...X87_CASES,
  ...OTHERS,
].filter(({ notEmulated }) => notEmulated !== true || process.env['RINGFENCE_EMULATOR'] !== 'tcg');

export interface NativeFault extends Fault {
  readonly rip: number;
}

/** What this host's Linux tells a program that does the same. */
export function nativeFault(source: string): NativeFault {
  const code = Buffer.from(assemble(`${source}\n syscall\n`)).toString('hex');
  const [signo, siCode, address, vector, error, rip] = execFileSync(guest('native_fault'), [code])
    .toString()
    .split(' ')
    .map(Number) as [number, number, number, number, number, number];
  let access = 0;
  if (vector === PAGE_FAULT) {
    access =
      error & PF_INSTRUCTION ? Access.Execute : error & PF_WRITE ? Access.Write : Access.Read;
  }
  return { signo, code: siCode, address, access, rip };
}

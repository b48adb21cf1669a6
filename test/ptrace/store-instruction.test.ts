import { describe, expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { lacksOpcode, storesAt } from '../../src/ptrace/store-instruction.js';
import { assemble } from '../kvm/assemble.js';

const ADDRESS = 0x400000;

/** Each with its operand, or what it stores at implicitly, at `ADDRESS`. */
const STORES = [
  'movb %al, (%rbx)',
  'movw %r9w, (%rbx)',
  'movq %r12, 8(%rcx,%rdx,8)',
  'movl $5, (%rbx)',
  'movb $5, %fs:(%rbx)',
  'movabsb %al, 0x400000',
  'addq %rax, (%rbx)',
  'orb $1, (%rbx)',
  'subl $1000, (%rbx)',
  'lock xaddl %eax, (%rbx)',
  'lock cmpxchgq %rcx, (%rbx)',
  'cmpxchg16b (%rbx)',
  'xchgl %eax, (%rbx)',
  'incl (%rbx)',
  'notq (%rbx)',
  'shll $3, (%rbx)',
  'sarq %cl, (%rbx)',
  'sete (%rbx)',
  'btsl %eax, (%rbx)',
  'btrq $3, (%rbx)',
  'movnti %rax, (%rbx)',
  'movbe %eax, (%rbx)',
  'movups %xmm3, (%rbx)',
  'movdqa %xmm9, (%rbx)',
  'movq %xmm1, (%rbx)',
  'movss %xmm1, (%rbx)',
  'movlps %xmm1, (%rbx)',
  'vmovdqu %ymm1, (%rbx)',
  'vmovups %ymm9, (%rbx)',
  'vmovdqu64 %zmm1, (%rbx)',
  'vextracti128 $1, %ymm1, (%rbx)',
  'kmovq %k1, (%rbx)',
  'fstpl (%rbx)',
  'fistpq (%rbx)',
  'fnstcw (%rbx)',
  'stmxcsr (%rbx)',
  'rep stosq',
  'movsb',
  'pushq %rax',
  'pushq $7',
  'call .+5',
];

const LOADS = [
  'movb (%rbx), %al',
  'movzbl (%rbx), %eax',
  'cmpq %rax, (%rbx)',
  'cmpb $1, (%rbx)',
  'testl %eax, (%rbx)',
  'testb $1, (%rbx)',
  'addq (%rbx), %rax',
  'divl (%rbx)',
  'btl $3, (%rbx)',
  'movups (%rbx), %xmm3',
  'movq (%rbx), %xmm1',
  'addps (%rbx), %xmm1',
  'vmovdqu (%rbx), %ymm1',
  'vmovdqu64 (%rbx), %zmm1',
  'vaddpd (%rbx), %ymm1, %ymm2',
  'kmovq (%rbx), %k1',
  'fldl (%rbx)',
  'fldcw (%rbx)',
  'ldmxcsr (%rbx)',
  'crc32l (%rbx), %eax',
  'imull $3, (%rbx), %eax',
  'prefetcht0 (%rbx)',
  'jmp *(%rbx)',
  'lodsb',
];

function accessOf(source: string): number {
  const registers = new Registers();
  for (const register of [Register.Rbx, Register.Rdi]) registers.setNumber(register, ADDRESS);
  registers.setNumber(Register.Rsi, source.startsWith('movs') ? 0x900000 : ADDRESS);
  registers.setNumber(Register.Rsp, ADDRESS + 8);
  return storesAt(assemble(`${source}\n`), registers, ADDRESS) ? Access.Write : Access.Read;
}

describe('an instruction that faults where nothing is mapped', () => {
  it.each(STORES)('stores: %s', (source) => {
    expect(accessOf(source)).toBe(Access.Write);
  });

  it.each(LOADS)('loads: %s', (source) => {
    expect(accessOf(source)).toBe(Access.Read);
  });

  it('that is cut off is no store', () => {
    expect(storesAt(Uint8Array.of(0x48), new Registers(), ADDRESS)).toBe(false);
    expect(storesAt(new Uint8Array(0), new Registers(), ADDRESS)).toBe(false);
  });
});

describe('an instruction', () => {
  it.each([[], [0x48], [0x66, 0xf3], [0xf0, 0x48], [0x0f], [0x66, 0x41, 0x0f]])(
    'of which only %o %o %o is there lacks its opcode',
    (...bytes) => {
      expect(lacksOpcode(Uint8Array.from(bytes))).toBe(true);
    },
  );

  it.each([[0x90], [0x48, 0x8b], [0x0f, 0x05], [0x66, 0x0f, 0x10]])(
    'of which %o %o %o is there has it',
    (...bytes) => {
      expect(lacksOpcode(Uint8Array.from(bytes))).toBe(false);
    },
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { decode } from '../../src/ptrace/instruction.js';
import { storesAt } from '../../src/ptrace/store-instruction.js';
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
  'enter $16, $0',
  'pushw %fs',
  'popq (%rbx)',
  'pextrd $1, %xmm1, (%rbx)',
  'extractps $1, %xmm1, (%rbx)',
  'maskmovdqu %xmm1, %xmm2',
  'movdiri %rax, (%rbx)',
  'xsave (%rbx)',
  'xsavec (%rbx)',
  'fxsave64 (%rbx)',
  'sgdt (%rbx)',
  'vpmovdb %zmm1, (%rbx)',
  'vpcompressd %zmm1, (%rbx){%k1}',
  'vmaskmovps %ymm1, %ymm2, (%rbx)',
  'vcvtps2ph $0, %ymm1, (%rbx)',
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
  'xrstor (%rbx)',
  'fxrstor64 (%rbx)',
  'clflush (%rbx)',
  'clwb (%rbx)',
  'popcntq (%rbx), %rax',
  'adoxq (%rbx), %rax',
  'pinsrd $1, (%rbx), %xmm1',
  'vpmovzxbd (%rbx), %zmm1',
  'vpexpandd (%rbx), %zmm1{%k1}',
  'vcvtph2ps (%rbx), %ymm1',
  'vbroadcastss (%rbx), %ymm1',
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

describe('the length of an instruction', () => {
  const more = [
    'movabsq $0x123456789abcdef0, %r11',
    'movl $0x12345678, %eax',
    'movw $0x1234, %ax',
    'addw $0x1234, (%rbx)',
    'addl $0x12345678, 0x12345678(%rbx,%rcx,4)',
    'testl $0x12345678, (%rbx)',
    'testb $1, %al',
    'notl %eax',
    'jne .+1000',
    'jmp .+1000',
    'ret $8',
    'int $0x80',
    'imulw $0x1234, (%rbx), %ax',
    'movq 0x1000(%rip), %rax',
    'movq 0x12345678, %rax',
    'movabsq 0x123456789abcdef0, %rax',
    'pushq $0x12345678',
    'pshufd $1, (%rbx), %xmm1',
    'shldl $3, %eax, (%rbx)',
    'palignr $3, (%rbx), %xmm1',
    'pshufb (%rbx), %xmm1',
    'cpuid',
    'syscall',
    'bswapq %r9',
    'vzeroupper',
    'vpermq $1, (%rbx), %ymm1',
    'vpshufd $1, %ymm1, %ymm2',
    'vpternlogd $1, (%rbx), %zmm1, %zmm2',
    'vaddpd 64(%rbx){1to8}, %zmm1, %zmm2',
    'loop .+10',
    'inb $1, %al',
    'xlatb',
    'lock addl $1, %fs:0x1234(%r12)',
  ];

  it.each([...STORES, ...LOADS, ...more])('%s', (source) => {
    const code = assemble(`${source}\n`);
    const followed = Uint8Array.from([...code, ...new Array<number>(15).fill(0x90)]);
    expect(decode(followed.subarray(0, 15))?.length).toBe(code.length);
    for (let known = 0; known < code.length; known++) {
      expect(decode(code.subarray(0, known)), `of ${known} bytes`).toBeUndefined();
    }
  });

  it('is found for whatever bytes there are, and is none of too few', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 15 }), (code) => {
        const length = decode(code)?.length ?? 1;
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(15);
      }),
      { numRuns: 2000 },
    );
  });
});

import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describePlatforms, type PlatformUnderTest } from './platforms.js';

/** Bits that `xgetbv` gives: which state components are there. */
const PROBE = `movl $0, %ecx
  xgetbv
  movq %rax, %rsi
  syscall`;

const vector = (n: number, avx512: boolean): string =>
  avx512
    ? `leaq ${n}(%rdi), %rax\n vpbroadcastq %rax, %zmm${n}\n`
    : `leaq ${n}(%rdi), %rax\n movq %rax, %xmm${n}\n vpbroadcastq %xmm${n}, %ymm${n}\n`;

const compare = (n: number, avx512: boolean): string =>
  avx512
    ? `leaq ${n}(%rdi), %rax\n vpbroadcastq %rax, %zmm0\n vpcmpeqq %zmm0, %zmm${n}, %k1
       kmovq %k1, %rdx\n cmpq $0xff, %rdx\n je 1f\n bts $${n}, %rbx\n 1:\n`
    : `leaq ${n}(%rdi), %rax\n movq %rax, %xmm0\n vpbroadcastq %xmm0, %ymm0
       vpcmpeqq %ymm0, %ymm${n}, %ymm0\n vpmovmskb %ymm0, %edx\n cmpl $-1, %edx\n je 1f
       bts $${n}, %rbx\n 1:\n`;

/** Sets every vector and mask register to rdi plus its number, leaves, and tells in rbx which ones differ. */
function program(avx512: boolean): string {
  const vectors = Array.from({ length: avx512 ? 31 : 15 }, (_, i) => i + 1);
  const masks = avx512 ? [1, 2, 3, 4, 5, 6, 7] : [];
  return `
    movl $0x9fc0, -16(%rsp)
    ldmxcsr -16(%rsp)
    ${vectors.map((n) => vector(n, avx512)).join('')}
    ${masks.map((n) => `leaq ${n}(%rdi), %rax\n kmovq %rax, %k${n}\n`).join('')}
    pushq %rdi
    fildq (%rsp)
    popq %rax
    syscall
    xorl %ebx, %ebx
    pushq %rax
    fistpq (%rsp)
    popq %rax
    cmpq %rax, %rdi
    je 1f
    bts $40, %rbx
    1:
    stmxcsr -16(%rsp)
    cmpl $0x9fc0, -16(%rsp)
    je 1f
    bts $41, %rbx
    1:
    ${masks.map((n) => `leaq ${n}(%rdi), %rax\n kmovq %k${n}, %rdx\n cmpq %rax, %rdx\n je 1f\n bts $${48 + n}, %rbx\n 1:\n`).join('')}
    ${vectors.map((n) => compare(n, avx512)).join('')}
    syscall
    stmxcsr -16(%rsp)
    movl -16(%rsp), %eax
    syscall`;
}

function hasAvx512(platform: PlatformUnderTest): boolean {
  using guest = platform.guest(PROBE);
  expect(guest.run()).toBe(SwitchResult.Syscall);
  return (guest.registers.low32(Register.Rsi) & 0xe0) === 0xe0;
}

describePlatforms('extended state', (platform) => {
  it('of x87, SSE, AVX and AVX-512 is each context`s own, on one vCPU and across two', async () => {
    const source = program(hasAvx512(platform));
    for (const vcpus of [1, 2]) {
      using guest = platform.guest(source, { vcpus });
      const threads = [1, 2, 3, 4].map((n) => {
        const registers = guest.start(new Registers());
        registers.setNumber(Register.Rdi, n * 1_000_000);
        return { context: guest.platform.newContext(), registers };
      });
      for (let step = 0; step < 2; step++) {
        await Promise.all(
          threads.map(async ({ context, registers }) => {
            let result: SwitchResult;
            do
              /* the pool may end a slice by an interrupt of its own */
              result = await context.switch(guest.space, registers, -1);
            while (result === SwitchResult.Interrupt);
            expect(result).toBe(SwitchResult.Syscall);
          }),
        );
      }
      for (const { registers } of threads)
        expect(registers.get(Register.Rbx).toString(2)).toBe('0');
    }
  });

  it('begins as Linux begins a program, whatever the host and other contexts have', () => {
    using guest = platform.guest(
      'stmxcsr -16(%rsp)\n movl -16(%rsp), %eax\n fnstcw -16(%rsp)\n movw -16(%rsp), %di\n syscall',
      { vcpus: 1 },
    );
    guest.run();
    const { registers } = guest;
    expect(registers.low32(Register.Rax)).toBe(0x1f80);
    expect(registers.low32(Register.Rdi) & 0xffff).toBe(0x37f);
  });

  it('given by a program may claim components and bits that the processor has not', () => {
    using guest = platform.guest('1: syscall\n jmp 1b', { vcpus: 1 });
    for (const claimed of [0, 0x207, 0x2e7, 0xffffffff]) {
      const state = guest.context.getExtendedState();
      const words = new Uint32Array(state.buffer);
      words.fill(0xffffffff, 128, 144);
      words[128] = claimed;
      words[6] = 0xffffffff; // MXCSR
      guest.context.setExtendedState(state);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      const fresh = guest.platform.newContext();
      fresh.setExtendedState(state);
      expect(guest.run(fresh, guest.start(new Registers()))).toBe(SwitchResult.Syscall);
    }
  });

  it('can be taken from one context and given to another', () => {
    using guest = platform.guest(program(false), { vcpus: 1 });
    guest.registers.setNumber(Register.Rdi, 5000);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    const copy = guest.platform.newContext();
    const registers = new Registers();
    registers.copyFrom(guest.registers);
    copy.setExtendedState(guest.context.getExtendedState());
    expect(guest.run(copy, registers)).toBe(SwitchResult.Syscall);
    expect(registers.get(Register.Rbx)).toBe(0n);
    expect(() => {
      copy.setExtendedState(new Uint8Array(10));
    }).toThrow(/bytes/);
  });

  it('of the host is none of the guest`s: its rounding, its denormals and its masks stay', async () => {
    // Round towards zero, flush and take denormals for zero, single precision; then by every way out.
    using guest = platform.guest(
      `1: movl $0xffc0, -8(%rsp)
       ldmxcsr -8(%rsp)
       movw $0xc7f, -8(%rsp)
       fldcw -8(%rsp)
       cmpl $1, %esi
       je 2f
       ja 3f
       syscall
       jmp 1b
       2: ud2
       3: jmp 3b`,
    );
    const { context, registers, space } = guest;
    /** Of what the compiler cannot compute beforehand. */
    const compute = (one: number, least: number): number[] => [
      one / 3,
      -one / 3,
      least * 1,
      least / 2,
      2 ** -1022 * (one / 2),
      Math.sqrt(2 * one),
      0.1 * one + 0.2,
    ];
    const [one, least] = [Number('1'), Number('5e-324')];
    const before = compute(one, least);
    expect(before[2]).toBe(5e-324);
    const ways = [SwitchResult.Syscall, SwitchResult.Signal, SwitchResult.Interrupt];
    for (let round = 0; round < 9; round++) {
      const way = ways[round % 3];
      guest.start(registers);
      registers.setNumber(Register.Rsi, round % 3);
      const spins = way === SwitchResult.Interrupt;
      if (round % 2 === 0) {
        expect(context.switchSync(space, registers, -1, spins ? 2000 : 0)).toBe(way);
      } else {
        const pending = context.switch(space, registers, -1);
        if (spins) context.interrupt();
        expect(await pending).toBe(way);
      }
      expect(compute(one, least)).toEqual(before);
    }
    const state = new DataView(context.getExtendedState().buffer);
    expect(state.getUint32(24, true)).toBe(0xffc0);
    expect(state.getUint16(0, true)).toBe(0xc7f);
  });
});

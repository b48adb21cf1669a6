/** Platforms side by side in one process: of the same kind and of both kinds. */
import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { kvmLack } from '../kvm.js';
import { DATA, type Guest } from './guest.js';
import { describePlatforms, platformNamed } from './platforms.js';

/** Adds rsi to all it has: a register, memory, the x87's and SSE's, and its FS base's word. */
const PROGRAM = `fldz
  xorps %xmm7, %xmm7
  1: addq %rsi, %rbx
  addq %rsi, ${DATA}
  movq %rsi, -8(%rsp)
  fildq -8(%rsp)
  faddp
  cvtsi2sd %rsi, %xmm0
  addsd %xmm0, %xmm7
  rdfsbase %rax
  addq %rsi, %rax
  wrfsbase %rax
  fld %st(0)
  fistpq -16(%rsp)
  movq -16(%rsp), %r8
  cvtsd2si %xmm7, %r9
  movq ${DATA}, %r10
  syscall
  jmp 1b`;

const SPIN = 10_000;

function check(guest: Guest, sum: number): void {
  const { registers } = guest;
  for (const register of [Register.Rbx, Register.R8, Register.R9, Register.R10, Register.FsBase])
    expect(registers.getNumber(register)).toBe(sum);
}

describePlatforms('two platforms in one process', (platform) => {
  for (const other of ['kvm', 'ptrace'] as const) {
    const lack = other === 'kvm' ? kvmLack() : undefined;
    it(`alternate, the other of ${other}, and keep all they have to themselves`, async (test) => {
      if (lack !== undefined) test.skip(lack);
      using first = platform.guest(PROGRAM);
      using second = platformNamed(other).guest(PROGRAM);
      first.registers.setNumber(Register.Rsi, 1);
      second.registers.setNumber(Register.Rsi, 1000);
      for (let round = 1; round <= 200; round++) {
        for (const guest of [first, second]) {
          const { context, space, registers } = guest;
          const result =
            round % 3 === 0
              ? await context.switch(space, registers, -1)
              : context.switchSync(space, registers, -1);
          expect(result).toBe(SwitchResult.Syscall);
        }
        check(first, round);
        check(second, 1000 * round);
      }
    });

    it(`run at the same time, the other of ${other}, and the end of one is not the other's`, async (test) => {
      if (lack !== undefined) test.skip(lack);
      using first = platform.guest(PROGRAM);
      first.registers.setNumber(Register.Rsi, 1);
      let round = 0;
      for (let lives = 0; lives < 5; lives++) {
        const second = platformNamed(other).guest('1: incq %rbx\n jmp 1b');
        const spinning = second.context.switch(second.space, second.registers, -1);
        for (let i = 0; i < 20; i++) {
          round++;
          const { context, space, registers } = first;
          expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Syscall);
          check(first, round);
        }
        if (lives % 2 === 0) {
          second.context.interrupt();
          expect(await spinning).toBe(SwitchResult.Interrupt);
          second.platform.dispose();
        } else {
          second.platform.dispose();
          await expect(spinning).rejects.toThrow(/disposed/);
        }
        expect(() => second.context.switchSync(first.space, second.registers, -1, SPIN)).toThrow();
      }
    });
  }
});

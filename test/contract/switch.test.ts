import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { PlatformError } from '../../src/platform/errors.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { CODE, KEPT, STACK_TOP } from './guest.js';
import { describePlatforms } from './platforms.js';

const LOOP = '1: syscall\n jmp 1b';

/** CF PF AF ZF SF DF OF, with IF and bit 1. */
const FLAGS = 0xcd5n | 0x202n;

describePlatforms('a switch', (platform) => {
  it('hands every register to the guest and back, by switchSync and by switch', async () => {
    using guest = platform.guest(LOOP);
    const { registers, context, space } = guest;
    for (const asynchronous of [false, true]) {
      for (let round = 0; round < 50; round++) {
        const value = (n: number): bigint =>
          (0x0123456789abcdefn * BigInt(n + round + 1)) & 0xffffffffffffffffn;
        for (const register of KEPT) registers.set(register, value(register));
        registers.set(Register.Rax, value(Register.Rax));
        const result = asynchronous
          ? await context.switch(space, registers, -1)
          : context.switchSync(space, registers, -1);
        expect(result).toBe(SwitchResult.Syscall);
        for (const register of KEPT) expect(registers.get(register)).toBe(value(register));
        expect(registers.get(Register.Rax)).toBe(value(Register.Rax));
        expect(registers.get(Register.OrigRax)).toBe(value(Register.Rax));
        expect(registers.getNumber(Register.Rsp)).toBe(STACK_TOP);
      }
    }
  });

  it('gives the instruction behind `syscall`, in rip and rcx, and the flags, in r11', () => {
    using guest = platform.guest(LOOP);
    guest.registers.set(Register.Rflags, FLAGS);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 2);
    expect(guest.registers.getNumber(Register.Rcx)).toBe(CODE + 2);
    expect(guest.registers.get(Register.R11)).toBe(FLAGS);
    expect(guest.registers.get(Register.Rflags)).toBe(FLAGS);
  });

  it('returns fully where rcx and r11 are not what `syscall` left', () => {
    using guest = platform.guest('syscall\n movq %rcx, %rdi\n movq %r11, %rsi\n syscall');
    expect(guest.run()).toBe(SwitchResult.Syscall);
    guest.registers.set(Register.Rcx, 0x1111222233334444n);
    guest.registers.set(Register.R11, 0x5555666677778888n);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.get(Register.Rdi)).toBe(0x1111222233334444n);
    expect(guest.registers.get(Register.Rsi)).toBe(0x5555666677778888n);
  });

  it('leaves the red zone and the stack alone', () => {
    using guest = platform.guest(LOOP);
    const pattern = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff);
    guest.space.copyOut(STACK_TOP - 4096, pattern);
    guest.registers.setNumber(Register.Rsp, STACK_TOP - 2048);
    for (let i = 0; i < 20; i++) expect(guest.run()).toBe(SwitchResult.Syscall);
    const after = new Uint8Array(4096);
    guest.space.copyIn(STACK_TOP - 4096, after);
    expect(after).toEqual(pattern);
  });

  it('lets no caller set flags that are not the program`s', () => {
    using guest = platform.guest('pushfq\n popq %rdi\n syscall');
    guest.registers.set(Register.Rflags, 0xffffffffffffffffn & ~0x100n & ~0x40000n);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.get(Register.Rdi) & ~FLAGS & ~0x204000n).toBe(0n);
  });

  it('keeps FS and GS base, set by the caller and by wrfsbase, of each context its own', () => {
    using guest = platform.guest(
      `rdfsbase %rdi
       rdgsbase %rsi
       syscall
       wrfsbase %r8
       wrgsbase %r9
       1: rdfsbase %rdi
       rdgsbase %rsi
       syscall
       jmp 1b`,
      { vcpus: 1 },
    );
    const threads = [1, 2, 3].map((n) => {
      const registers = guest.start(new Registers());
      registers.set(Register.FsBase, BigInt(n) << 20n);
      registers.set(Register.GsBase, BigInt(n) << 30n);
      registers.set(Register.R8, 0x7000_0000_0000n + BigInt(n));
      registers.set(Register.R9, 0x6000_0000_0000n + BigInt(n));
      return { n: BigInt(n), registers, context: guest.platform.newContext() };
    });
    for (const { n, registers, context } of threads) {
      expect(guest.run(context, registers)).toBe(SwitchResult.Syscall);
      expect(registers.get(Register.Rdi)).toBe(n << 20n);
      expect(registers.get(Register.Rsi)).toBe(n << 30n);
    }
    for (let round = 0; round < 3; round++) {
      for (const { n, registers, context } of threads) {
        expect(guest.run(context, registers)).toBe(SwitchResult.Syscall);
        expect(registers.get(Register.Rdi)).toBe(0x7000_0000_0000n + n);
        expect(registers.get(Register.Rsi)).toBe(0x6000_0000_0000n + n);
        expect(registers.get(Register.FsBase)).toBe(0x7000_0000_0000n + n);
      }
    }
  });

  it('refuses a base that is not canonical, and faults at such a rip as Linux does', () => {
    using guest = platform.guest(LOOP);
    guest.registers.set(Register.FsBase, 0x8000_0000_0000_0000n);
    expect(() => guest.run()).toThrow(PlatformError);
    guest.registers.set(Register.FsBase, 0n);
    guest.registers.set(Register.Rip, 0x0000_8000_0000_0000n);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault()).toEqual({ signo: 11, code: 0x80, address: 0, access: 0 });
    guest.start(guest.registers);
    expect(guest.run()).toBe(SwitchResult.Syscall);
  });

  it('faults at a return address of a system call that is not canonical', () => {
    using guest = platform.guest(LOOP);
    const { registers } = guest;
    for (const address of [0x0000_8000_0000_0000n, 0xfff_f123_4567_89abn]) {
      expect(guest.run()).toBe(SwitchResult.Syscall);
      // As `syscall` leaves them, so that SYSRET could take the program back: on Intel it faults in ring 0.
      registers.set(Register.Rip, address);
      registers.set(Register.Rcx, address);
      expect(guest.run()).toBe(SwitchResult.Signal);
      expect(guest.fault()).toEqual({ signo: 11, code: 0x80, address: 0, access: 0 });
      expect(registers.get(Register.Rip)).toBe(address);
      expect(registers.get(Register.Rcx)).toBe(address);
      guest.start(registers);
    }
    expect(guest.run()).toBe(SwitchResult.Syscall);
  });

  it('keeps bases of the kernel`s half and the ID flag, wherever the context goes on', async () => {
    using guest = platform.guest(
      `wrfsbase %r8
       wrgsbase %r9
       pushfq
       orl $0x200000, (%rsp)
       popfq
       1: syscall
       rdfsbase %rdi
       rdgsbase %rsi
       pushfq
       popq %rbx
       jmp 1b`,
    );
    const { context, registers, space } = guest;
    registers.set(Register.R8, 0xffff_8000_0000_1000n);
    registers.set(Register.R9, 0xffff_ffff_ffff_f000n);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    for (let round = 0; round < 4; round++) {
      expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Syscall);
      expect(registers.get(Register.Rdi)).toBe(0xffff_8000_0000_1000n);
      expect(registers.get(Register.Rsi)).toBe(0xffff_ffff_ffff_f000n);
      expect(registers.get(Register.Rbx) & 0x200000n).toBe(0x200000n);
      registers.set(Register.R8, 0n);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.get(Register.FsBase)).toBe(0xffff_8000_0000_1000n);
    }
  });

  it('survives a stack pointer that is not canonical', () => {
    using guest = platform.guest(LOOP);
    guest.registers.set(Register.Rsp, 0x1234_5678_9abc_def0n);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.get(Register.Rsp)).toBe(0x1234_5678_9abc_def0n);
  });

  it('is refused while one is under way, after dispose, and with a foreign address space', async () => {
    using guest = platform.guest('1: jmp 1b');
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    expect(() => guest.run()).toThrow(/under way/);
    guest.context.interrupt();
    expect(await pending).toBe(SwitchResult.Interrupt);
    guest.space.release();
    guest.space.release();
    expect(() => guest.run()).toThrow(/released/);
    guest.context.dispose();
    guest.context.dispose();
    expect(() => guest.run()).toThrow(/disposed/);
  });

  it('fails with the platform when it is disposed of in the middle', async () => {
    const guest = platform.guest('1: jmp 1b');
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    guest.platform.dispose();
    guest.platform.dispose();
    await expect(pending).rejects.toThrow(/disposed/);
  });
});

import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { createKvmPlatform, type KvmPlatform } from '../../src/kvm/platform.js';
import { Register } from '../../src/platform/registers.js';
import { Guest as ContractGuest } from '../contract/guest.js';
import { describeKvm } from '../kvm.js';
import { assemble } from './assemble.js';
import { CODE } from './guest.js';

const GETPPID = 110;
/** `mov $110, %eax; syscall`, with a mark on either side. */
const SOURCE = 'nop\n movl $110, %eax\n syscall\n nop\n ud2';
const SITE = CODE + 1;
const RETURN = SITE + 7;
const TRAP_FLAG = 0x100;

/** `jmp *disp32` */
function jump(displacement: number): Uint8Array {
  const code = Buffer.from([0xff, 0x24, 0x25, 0, 0, 0, 0]);
  code.writeUInt32LE(displacement, 3);
  return code;
}

class Guest extends ContractGuest<KvmPlatform> {
  constructor(source = SOURCE) {
    super((options) => createKvmPlatform({ ...options, callSites: true }), source);
  }

  /** Rewrites the call before `returnAddress`; undefined where the host gains nothing by it. */
  rewrite(number = GETPPID, returnAddress = RETURN): number | undefined {
    const displacement = this.space.callSites?.add(returnAddress, number);
    if (displacement !== undefined) this.write(returnAddress - 7, jump(displacement));
    return displacement;
  }

  /** Maps the code's page anew, with `bytes` at `address`. */
  write(address: number, bytes: Uint8Array, space = this.space): void {
    const page = new Uint8Array(4096);
    space.copyIn(CODE, page);
    page.set(bytes, address - CODE);
    const range = this.allocate(4096);
    this.platform.memory.mapInternal(range, Access.Write)[0]?.set(page);
    this.map(space, CODE, range, Access.Read | Access.Execute);
  }

  /** Runs from `rip`, and says where the program is then, and with what. */
  runFrom(rip: number | bigint, rflags = 0x202): SwitchResult {
    this.registers.set(Register.Rip, BigInt(rip));
    this.registers.setNumber(Register.Rflags, rflags);
    return this.run();
  }
}

describeKvm('a call site that has been rewritten', () => {
  it('is on the deprivileged class alone', () => {
    using guest = new Guest();
    expect(guest.rewrite() !== undefined).toBe(guest.platform.hostClass === 'deprivileged');
  });

  it('makes the call with every register as `syscall` leaves it', () => {
    const [original, rewritten] = [false, true].map((isRewritten) => {
      using guest = new Guest('stc\n std\n movl $110, %eax\n syscall\n cld');
      const { registers } = guest;
      if (isRewritten) guest.rewrite(GETPPID, CODE + 9);
      for (let register = 0; register < Register.OrigRax; register++) {
        registers.set(register, 0x1111_1111_1111_1111n * BigInt(register + 1));
      }
      expect(guest.runFrom(CODE)).toBe(SwitchResult.Syscall);
      return Array.from({ length: 27 }, (_, register) => registers.get(register).toString(16));
    });
    expect(rewritten).toEqual(original);
  });

  it.each([3, 4, 5, 6])('raises #UD at its byte %i, and does nothing', (offset) => {
    using guest = new Guest();
    if (guest.rewrite() === undefined) return;
    const { registers } = guest;
    registers.setNumber(Register.Rax, 39);
    expect(guest.runFrom(SITE + offset)).toBe(SwitchResult.Signal);
    expect(registers.signalInfo()).toMatchObject({ signo: 4, address: BigInt(SITE + offset) });
    expect(registers.getNumber(Register.Rip)).toBe(SITE + offset);
    expect(registers.getNumber(Register.Rax)).toBe(39);
  });

  it('is stepped through as the two instructions that it was', () => {
    using guest = new Guest();
    if (guest.rewrite() === undefined) return;
    const { registers } = guest;
    registers.setNumber(Register.Rax, 5);
    registers.setNumber(Register.Rcx, 6);
    registers.setNumber(Register.R11, 7);
    expect(guest.runFrom(SITE, TRAP_FLAG | 0x202)).toBe(SwitchResult.Signal);
    expect(registers.signalInfo()).toMatchObject({ signo: 5, code: 2 });
    expect(registers.getNumber(Register.Rip)).toBe(SITE + 5);
    expect(registers.getNumber(Register.Rax)).toBe(GETPPID);
    expect(registers.getNumber(Register.Rcx)).toBe(6);
    expect(registers.getNumber(Register.R11)).toBe(7);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(registers.signalInfo()).toMatchObject({ signo: 4 });
    expect(registers.getNumber(Register.Rip)).toBe(SITE + 5);
    expect(registers.low32(Register.Rflags) & TRAP_FLAG).toBe(TRAP_FLAG);
  });

  it('is before the call for whoever stops at any instruction on its way', () => {
    using guest = new Guest();
    const displacement = guest.rewrite();
    if (displacement === undefined) return;
    const { registers } = guest;
    guest.write(CODE + 16, assemble('movq (%rdi), %rdx\n syscall\n'));
    registers.set(Register.Rdi, 0xffffffff00000000n + BigInt(displacement));
    expect(guest.runFrom(CODE + 16)).toBe(SwitchResult.Syscall);
    const way = registers.get(Register.Rdx);
    // mov $number, %eax; mov $return address, %rcx; jmp doorway: a step ends behind each.
    for (const [offset, rcx, r11] of [
      [0n, 6, 7],
      [5n, RETURN, TRAP_FLAG | 0x203],
    ] as const) {
      registers.setNumber(Register.Rcx, 6);
      registers.setNumber(Register.R11, 7);
      expect(guest.runFrom(way + offset, TRAP_FLAG | 0x203)).toBe(SwitchResult.Signal);
      expect(registers.signalInfo()).toMatchObject({ signo: 5 });
      expect(registers.getNumber(Register.Rip)).toBe(SITE + 5);
      expect(registers.getNumber(Register.Rcx)).toBe(rcx);
      expect(registers.getNumber(Register.R11)).toBe(r11);
    }
    expect(guest.runFrom(way + 15n, TRAP_FLAG | 0x203)).toBe(SwitchResult.Syscall);
  });

  it('is found before or behind the call by an interrupt at any time', async () => {
    using guest = new Guest();
    if (guest.rewrite() === undefined) return;
    const { registers } = guest;
    const states = new Set<string>();
    for (let round = 0; round < 200; round++) {
      registers.setNumber(Register.Rip, SITE);
      registers.setNumber(Register.Rax, 5);
      const switching = guest.context.switch(guest.space, registers, -1);
      guest.context.interrupt();
      const result = await switching;
      const offset = registers.getNumber(Register.Rip) - SITE;
      states.add(`${result} ${offset} ${registers.getNumber(Register.Rax)}`);
    }
    const right = [
      `${SwitchResult.Interrupt} 0 5`,
      `${SwitchResult.Interrupt} 5 ${GETPPID}`,
      `${SwitchResult.Syscall} 7 ${GETPPID}`,
    ];
    expect([...states].filter((state) => !right.includes(state))).toEqual([]);
  });

  it('has room for hundreds of others, each with its own number', () => {
    using guest = new Guest();
    const { callSites } = guest.space;
    if (callSites === undefined) return;
    let count = 0;
    for (; ; count++) {
      const displacement = callSites.add(RETURN, count);
      if (displacement === undefined) break;
      if (count % 61 !== 0) continue;
      guest.write(SITE, jump(displacement));
      expect(guest.runFrom(SITE)).toBe(SwitchResult.Syscall);
      expect(guest.registers.getNumber(Register.Rax)).toBe(count);
      expect(guest.registers.getNumber(Register.Rip)).toBe(RETURN);
    }
    expect(count).toBeGreaterThan(300);
  });

  it('is at the same place in a copy of the address space, and in no other', () => {
    using guest = new Guest();
    const displacement = guest.rewrite();
    if (displacement === undefined) return;
    const copy = guest.newSpace(SOURCE);
    copy.callSites?.copyFrom(guest.space);
    const results = [copy, guest.newSpace(SOURCE)].map((space) => {
      guest.write(SITE, jump(displacement), space);
      guest.registers.setNumber(Register.Rip, SITE);
      return guest.context.switchSync(space, guest.registers, -1);
    });
    expect(results).toEqual([SwitchResult.Syscall, SwitchResult.Signal]);
  });

  it('cannot be written by the program', () => {
    using guest = new Guest();
    const displacement = guest.rewrite();
    if (displacement === undefined) return;
    const { registers } = guest;
    guest.write(CODE + 16, assemble('movq %rdx, (%rdi)\n syscall\n'));
    registers.set(Register.Rdi, 0xffffffff00000000n + BigInt(displacement));
    expect(guest.runFrom(CODE + 16)).toBe(SwitchResult.Signal);
    expect(registers.signalInfo()).toMatchObject({ signo: 11, access: Access.Write });
  });

  it('leaves no page of page tables behind', () => {
    using guest = new Guest();
    const before = guest.platform.pageTablePages;
    for (let round = 0; round < 3; round++) {
      const space = guest.newSpace(SOURCE);
      for (let number = 0; number < 120; number++) space.callSites?.add(RETURN, number);
      space.release();
    }
    expect(guest.platform.pageTablePages).toBe(before);
  });
});

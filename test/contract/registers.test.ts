/** Every register and flag, into the guest and out of it, by every way in and every way out. */
import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { DATA, STACK_TOP, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';
import { Random } from './random.js';

const GENERAL = [
  ['rax', Register.Rax],
  ['rbx', Register.Rbx],
  ['rcx', Register.Rcx],
  ['rdx', Register.Rdx],
  ['rsi', Register.Rsi],
  ['rdi', Register.Rdi],
  ['rbp', Register.Rbp],
  ['rsp', Register.Rsp],
  ['r8', Register.R8],
  ['r9', Register.R9],
  ['r10', Register.R10],
  ['r11', Register.R11],
  ['r12', Register.R12],
  ['r13', Register.R13],
  ['r14', Register.R14],
  ['r15', Register.R15],
] as const;

const FLAGS_AT = DATA + GENERAL.length * 8;
const HOLE = 0x400000;
/** CF PF AF ZF SF DF OF AC ID. */
const USER_FLAGS = 0x240cd5n;
const FIXED_FLAGS = 0x202n;
const STEPS = 60;

/** Writes what the guest sees, and changes nothing. */
const DUMP = [
  ...GENERAL.map(([name], n) => `movq %${name}, ${DATA + n * 8}`),
  `movq $${STACK_TOP}, %rsp`,
  'pushfq',
  `popq ${FLAGS_AT}`,
  `movq ${DATA + 7 * 8}, %rsp`,
].join('\n');

interface Exit {
  readonly code: string;
  readonly result: SwitchResult;
  /** Bytes from where rip is reported to the next instruction. */
  readonly ahead: number;
}

const EXITS: readonly Exit[] = [
  { code: 'syscall', result: SwitchResult.Syscall, ahead: 0 },
  { code: `movq ${HOLE}, %rax`, result: SwitchResult.Signal, ahead: 8 },
  { code: 'ud2', result: SwitchResult.Signal, ahead: 2 },
  { code: 'int3', result: SwitchResult.Signal, ahead: 0 },
  { code: '1: jmp 1b', result: SwitchResult.Interrupt, ahead: 2 },
];

function randomBase(random: Random): bigint {
  return random.bits64() & 0x7fff_ffff_efffn;
}

function setAll(registers: Registers, random: Random): void {
  for (const [, register] of GENERAL) registers.set(register, random.bits64());
  registers.set(Register.Rflags, (random.bits64() & USER_FLAGS) | FIXED_FLAGS);
  registers.set(Register.FsBase, randomBase(random));
  registers.set(Register.GsBase, randomBase(random));
}

/** What a handler of system calls changes, and the cheapest way back allows. */
function setResult(registers: Registers, random: Random): void {
  registers.set(Register.Rax, random.bits64());
  registers.set(Register.Rdx, random.bits64());
}

/** An interrupt may come before the guest has got to its loop. */
function isInLoop(guest: Guest): boolean {
  const code = new Uint8Array(2);
  guest.space.copyIn(guest.registers.getNumber(Register.Rip), code);
  return code[0] === 0xeb && code[1] === 0xfe;
}

async function leave(guest: Guest, exit: Exit, asynchronous: boolean): Promise<SwitchResult> {
  let result: SwitchResult;
  do result = await enter(guest, exit, asynchronous);
  while (result === SwitchResult.Interrupt && exit.result === result && !isInLoop(guest));
  return result;
}

async function enter(guest: Guest, exit: Exit, asynchronous: boolean): Promise<SwitchResult> {
  const { context, space, registers } = guest;
  if (!asynchronous) {
    const budget = exit.result === SwitchResult.Interrupt ? 1000 : 0;
    return context.switchSync(space, registers, -1, budget);
  }
  const pending = context.switch(space, registers, -1);
  if (exit.result === SwitchResult.Interrupt) {
    setTimeout(() => {
      context.interrupt();
    }, 3);
  }
  return pending;
}

/** The guest saw what it was given. */
function checkDump(guest: Guest, given: Registers): void {
  const dump = new BigUint64Array(GENERAL.length + 1);
  guest.space.copyIn(DATA, new Uint8Array(dump.buffer));
  for (const [at, [name, register]] of GENERAL.entries())
    expect(dump[at], name).toBe(given.get(register));
  expect(dump[GENERAL.length]).toBe(given.get(Register.Rflags));
}

/** What came out is what went in. */
function checkOut(registers: Registers, given: Registers, exit: Exit): void {
  const isSyscall = exit.result === SwitchResult.Syscall;
  for (const [name, register] of GENERAL) {
    if (isSyscall && register === Register.Rcx)
      expect(registers.get(register), name).toBe(registers.get(Register.Rip));
    else if (isSyscall && register === Register.R11)
      expect(registers.get(register), name).toBe(given.get(Register.Rflags));
    else expect(registers.get(register), name).toBe(given.get(register));
  }
  // The processor sets RF in the flags that a fault leaves (SDM volume 3, section 17.3.1.1).
  expect(registers.get(Register.Rflags) & ~0x10000n).toBe(given.get(Register.Rflags));
  expect(registers.get(Register.FsBase)).toBe(given.get(Register.FsBase));
  expect(registers.get(Register.GsBase)).toBe(given.get(Register.GsBase));
}

async function roundTrips(
  guest: Guest,
  exits: readonly Exit[],
  random: Random,
  change: (registers: Registers, random: Random) => void,
): Promise<void> {
  const { registers } = guest;
  setAll(registers, random);
  const given = new Registers();
  for (const [step, exit] of exits.entries()) {
    given.copyFrom(registers);
    expect(await leave(guest, exit, random.chance(0.4)), `${step}: ${exit.code}`).toBe(exit.result);
    checkDump(guest, given);
    checkOut(registers, given, exit);
    registers.setNumber(Register.Rip, registers.getNumber(Register.Rip) + exit.ahead);
    change(registers, random);
    registers.set(Register.Rflags, registers.get(Register.Rflags) & ~0x10000n);
  }
}

function program(exits: readonly Exit[]): string {
  return exits.map(({ code }) => `${DUMP}\n${code}`).join('\n');
}

describePlatforms('every register and flag goes in and comes out', (platform) => {
  it.each(EXITS)('where the guest leaves by $code', async (exit) => {
    const exits = new Array<Exit>(8).fill(exit);
    using guest = platform.guest(program(exits));
    await roundTrips(guest, exits, new Random(1), setAll);
  });

  it('with rcx and r11 as `syscall` left them, the fast way back', async () => {
    const exits = new Array<Exit>(STEPS).fill(EXITS[0] as Exit);
    using guest = platform.guest(program(exits));
    await roundTrips(guest, exits, new Random(2), setResult);
  });

  it.each([3, 4, 5, 6])(
    'by every way in after every way out, in the order of seed %i',
    async (seed) => {
      const random = new Random(seed);
      const exits = Array.from({ length: STEPS }, () => random.pick(EXITS));
      using guest = platform.guest(program(exits));
      await roundTrips(guest, exits, random, (registers, source) => {
        (source.chance(0.5) ? setAll : setResult)(registers, source);
      });
    },
  );
});

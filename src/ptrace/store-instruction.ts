/**
 * Whether an instruction that faulted was storing. Linux tells a tracer the address of a fault and not its error
 * code, so the instruction is looked at (SDM volume 2, appendix A). Only what certainly stores at the address is said
 * to: a load taken for a store would break a program, while a store taken for a load faults once more on what is
 * mapped by then, and that fault says "no permission".
 */
import { Register, type Registers } from '../platform/registers.js';

/** The longest instruction. */
export const MAX_INSTRUCTION = 15;

const PREFIXES = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]);

/** An opcode whose operand in ModRM is written for these values of ModRM.reg, a bit for each. */
type StoreTable = ReadonlyMap<number, number>;

const ANY = 0xff;
const but = (...regs: number[]): number => ANY & ~only(...regs);
const only = (...regs: number[]): number => regs.reduce((bits, reg) => bits | (1 << reg), 0);
const span = (first: number, last: number, regs: number): [number, number][] =>
  Array.from({ length: last - first + 1 }, (_, i) => [first + i, regs]);

/** ADD, OR, ADC, SBB, AND, SUB, XOR with a destination in ModRM. */
const ARITHMETIC = [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30].flatMap((op) =>
  span(op, op + 1, ANY),
);

const ONE_BYTE: StoreTable = new Map([
  ...ARITHMETIC,
  ...span(0x80, 0x83, but(7)),
  ...span(0x86, 0x89, ANY),
  [0x8c, ANY],
  ...span(0xc0, 0xc1, ANY),
  ...span(0xc6, 0xc7, only(0)),
  ...span(0xd0, 0xd3, ANY),
  [0xd9, only(2, 3, 6, 7)],
  [0xdb, only(1, 2, 3, 7)],
  [0xdd, only(1, 2, 3, 6, 7)],
  [0xdf, only(1, 2, 3, 6, 7)],
  ...span(0xf6, 0xf7, only(2, 3)),
  ...span(0xfe, 0xff, only(0, 1)),
]);

/** Stores of vector registers, the same behind 0F, VEX and EVEX. */
const VECTOR: [number, number][] = [0x11, 0x13, 0x17, 0x29, 0x2b, 0x7f, 0xd6, 0xe7].map((op) => [
  op,
  ANY,
]);

const TWO_BYTE: StoreTable = new Map([
  ...VECTOR,
  ...span(0x90, 0x9f, ANY),
  ...span(0xa4, 0xa5, ANY),
  [0xab, ANY],
  ...span(0xac, 0xad, ANY),
  [0xae, only(0, 3, 4)],
  ...span(0xb0, 0xb1, ANY),
  [0xb3, ANY],
  [0xba, only(5, 6, 7)],
  [0xbb, ANY],
  ...span(0xc0, 0xc1, ANY),
  [0xc3, ANY],
  [0xc7, only(1)],
]);

/** Maps 1 to 3 of VEX and EVEX. */
const EXTENDED: readonly StoreTable[] = [
  new Map(),
  new Map([...VECTOR, [0x91, ANY]]),
  new Map([...span(0x2e, 0x2f, ANY), [0x8e, ANY]]),
  new Map([
    ...span(0x14, 0x17, ANY),
    [0x19, ANY],
    [0x1b, ANY],
    [0x1d, ANY],
    [0x39, ANY],
    [0x3b, ANY],
  ]),
];

/** PUSH, CALL and PUSHF, which store below the stack pointer and touch no other memory. */
function pushes(opcode: number): boolean {
  return (
    (opcode >= 0x50 && opcode <= 0x57) ||
    opcode === 0x68 ||
    opcode === 0x6a ||
    opcode === 0x9c ||
    opcode === 0xe8
  );
}

/** Whether more must be fetched before it is known what instruction this is. */
export function lacksOpcode(code: Uint8Array): boolean {
  let at = 0;
  while (PREFIXES.has(byte(code, at))) at++;
  if ((byte(code, at) & 0xf0) === 0x40) at++;
  const escaped = code[at] === 0x0f;
  return code.length < at + (escaped ? 2 : 1);
}

export function storesAt(code: Uint8Array, registers: Registers, address: number): boolean {
  let at = 0;
  let repeat = 0;
  for (; PREFIXES.has(byte(code, at)); at++) if (byte(code, at) >= 0xf2) repeat = byte(code, at);
  const opcode = byte(code, at);
  if (opcode === 0xc5) return isVectorStore(code, at + 2, 1, byte(code, at + 1) & 3);
  if (opcode === 0xc4) {
    return isVectorStore(code, at + 3, byte(code, at + 1) & 31, byte(code, at + 2) & 3);
  }
  if (opcode === 0x62) {
    return isVectorStore(code, at + 4, byte(code, at + 1) & 7, byte(code, at + 2) & 3);
  }
  if ((opcode & 0xf0) === 0x40) at++;
  return isStore(code, at, repeat, registers, address);
}

function isStore(
  code: Uint8Array,
  at: number,
  repeat: number,
  registers: Registers,
  address: number,
): boolean {
  const opcode = byte(code, at);
  const isNear = (register: number, from: number, to: number): boolean => {
    const base = registers.getNumber(register);
    return address >= base + from && address < base + to;
  };
  if (opcode === 0x0f) {
    const second = byte(code, at + 1);
    if (second === 0x7e) return repeat !== 0xf3 && isMemory(byte(code, at + 2));
    if (second === 0x38) return byte(code, at + 2) === 0xf1 && repeat !== 0xf2;
    return inTable(TWO_BYTE, second, byte(code, at + 2));
  }
  if (pushes(opcode)) return isNear(Register.Rsp, -8, 0);
  if (opcode === 0xff && [2, 6].includes(regOf(byte(code, at + 1)))) {
    return isNear(Register.Rsp, -8, 0);
  }
  if (opcode === 0xa2 || opcode === 0xa3 || opcode === 0xaa || opcode === 0xab) return true;
  if (opcode === 0xa4 || opcode === 0xa5) {
    return isNear(Register.Rdi, 0, 8) && !isNear(Register.Rsi, 0, 8);
  }
  return inTable(ONE_BYTE, opcode, byte(code, at + 1));
}

/** `prefix`: the pp field, in which 2 stands for F3. */
function isVectorStore(code: Uint8Array, at: number, map: number, prefix: number): boolean {
  const opcode = byte(code, at);
  const modrm = byte(code, at + 1);
  if (map === 1 && opcode === 0x7e) return prefix !== 2 && isMemory(modrm);
  return inTable(EXTENDED[map] ?? new Map<number, number>(), opcode, modrm);
}

function inTable(table: StoreTable, opcode: number, modrm: number): boolean {
  return isMemory(modrm) && ((table.get(opcode) ?? 0) & (1 << regOf(modrm))) !== 0;
}

function isMemory(modrm: number): boolean {
  return modrm >> 6 !== 3;
}

function regOf(modrm: number): number {
  return (modrm >> 3) & 7;
}

/** Behind the end, what as an opcode and as a ModRM stands for no store. */
function byte(code: Uint8Array, at: number): number {
  return code[at] ?? 0xff;
}

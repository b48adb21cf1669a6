/** The shape of an instruction in 64-bit mode: its opcode, its operands' bytes, its length (SDM volume 2, chapter 2). */

/** The longest instruction. */
export const MAX_INSTRUCTION = 15;

/** Opcode maps: one byte, 0F, 0F 38, 0F 3A; VEX and EVEX have numbers 1 to 3 of the same, and some above. */
export interface Instruction {
  readonly length: number;
  readonly map: number;
  /** VEX or EVEX: other instructions than the map's of the same opcode. */
  readonly isVector: boolean;
  readonly opcode: number;
  /** 0xff, which stands for no operand in memory, where there is none. */
  readonly modrm: number;
  /** The last of F2 and F3, or what VEX and EVEX have in their place; 0 for none. */
  readonly repeat: number;
  readonly operandSizePrefix: boolean;
  readonly rex: number;
  /** An immediate of one byte, which comes last; or the last byte of whatever comes last. */
  readonly last: number;
}

const LEGACY_PREFIXES = new Set([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]);

const NO_MODRM = 0xff;

/** Where the decoder is; reads behind the end are noticed by the length. */
interface Cursor {
  readonly code: Uint8Array;
  at: number;
}

/** The instruction that `code` begins with; undefined where the code ends before it does. */
export function decode(code: Uint8Array): Instruction | undefined {
  const cursor: Cursor = { code, at: 0 };
  let repeat = 0;
  let operandSizePrefix = false;
  let addressSizePrefix = false;
  let byte = take(cursor);
  for (; LEGACY_PREFIXES.has(byte); byte = take(cursor)) {
    if (byte === 0xf2 || byte === 0xf3) repeat = byte;
    operandSizePrefix ||= byte === 0x66;
    addressSizePrefix ||= byte === 0x67;
  }
  if (byte === 0xc4 || byte === 0xc5 || byte === 0x62) return vector(cursor, byte);
  const rex = (byte & 0xf0) === 0x40 ? byte : 0;
  let opcode = rex === 0 ? byte : take(cursor);
  const map = opcode === 0x0f ? escape(cursor) : 0;
  if (map > 0) opcode = take(cursor);
  const modrm = hasModrm(map, opcode) ? take(cursor) : NO_MODRM;
  skipAddress(cursor, modrm);
  cursor.at += immediateLength({ map, opcode, modrm, operandSizePrefix, addressSizePrefix, rex });
  const parts = { map, opcode, modrm, repeat, operandSizePrefix, rex, isVector: false };
  return finished(cursor, parts);
}

function vector(cursor: Cursor, prefix: number): Instruction | undefined {
  const first = take(cursor);
  const second = prefix === 0xc5 ? first : take(cursor);
  if (prefix === 0x62) take(cursor);
  const map = prefix === 0xc5 ? 1 : prefix === 0xc4 ? first & 31 : first & 7;
  const opcode = take(cursor);
  const hasOperand = !(map === 1 && opcode === 0x77);
  const modrm = hasOperand ? take(cursor) : NO_MODRM;
  skipAddress(cursor, modrm);
  if (map === 3 || (map === 1 && hasByteImmediate(opcode))) cursor.at++;
  const repeat = [0, 0, 0xf3, 0xf2][second & 3] ?? 0;
  const operandSizePrefix = (second & 3) === 1;
  return finished(cursor, {
    map,
    opcode,
    modrm,
    repeat,
    operandSizePrefix,
    rex: 0,
    isVector: true,
  });
}

function finished(
  cursor: Cursor,
  parts: Omit<Instruction, 'length' | 'last'>,
): Instruction | undefined {
  if (cursor.at > cursor.code.length) return undefined;
  return { ...parts, length: cursor.at, last: cursor.code[cursor.at - 1] ?? 0 };
}

function take(cursor: Cursor): number {
  return cursor.code[cursor.at++] ?? 0;
}

/** The map that follows 0F. */
function escape(cursor: Cursor): number {
  const next = cursor.code[cursor.at];
  if (next !== 0x38 && next !== 0x3a) return 1;
  cursor.at++;
  return next === 0x38 ? 2 : 3;
}

/** SIB and displacement. */
function skipAddress(cursor: Cursor, modrm: number): void {
  const mod = modrm >> 6;
  if (mod === 3) return;
  const base = (modrm & 7) === 4 ? take(cursor) & 7 : modrm & 7;
  if (mod === 1) cursor.at++;
  else if (mod === 2 || base === 5) cursor.at += 4;
}

function within(value: number, first: number, last: number): boolean {
  return value >= first && value <= last;
}

function hasModrm(map: number, opcode: number): boolean {
  if (map > 1) return true;
  if (map === 1) return hasModrmBehind0f(opcode);
  return (
    (opcode < 0x40 && (opcode & 7) < 4) ||
    [0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff].includes(opcode) ||
    within(opcode, 0x80, 0x8f) ||
    within(opcode, 0xd0, 0xd3) ||
    within(opcode, 0xd8, 0xdf)
  );
}

function hasModrmBehind0f(opcode: number): boolean {
  return !(
    within(opcode, 0x04, 0x0c) ||
    opcode === 0x0e ||
    within(opcode, 0x30, 0x37) ||
    opcode === 0x77 ||
    within(opcode, 0x80, 0x8f) ||
    within(opcode, 0xa0, 0xa2) ||
    within(opcode, 0xa8, 0xaa) ||
    within(opcode, 0xc8, 0xcf)
  );
}

/** Behind 0F. */
function hasByteImmediate(opcode: number): boolean {
  return (
    within(opcode, 0x70, 0x73) || [0x0f, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6].includes(opcode)
  );
}

interface Operands {
  readonly map: number;
  readonly opcode: number;
  readonly modrm: number;
  readonly operandSizePrefix: boolean;
  readonly addressSizePrefix: boolean;
  readonly rex: number;
}

function immediateLength(operands: Operands): number {
  const { map, opcode } = operands;
  if (map === 3) return 1;
  if (map === 2) return 0;
  if (map === 1) return within(opcode, 0x80, 0x8f) ? 4 : hasByteImmediate(opcode) ? 1 : 0;
  return oneByteImmediateLength(operands);
}

function oneByteImmediateLength(operands: Operands): number {
  const { opcode, modrm, rex } = operands;
  const wide = (rex & 8) !== 0;
  const full = operands.operandSizePrefix && !wide ? 2 : 4;
  if (opcode < 0x40) return (opcode & 7) === 4 ? 1 : (opcode & 7) === 5 ? full : 0;
  if (within(opcode, 0xb8, 0xbf)) return wide ? 8 : full;
  if (within(opcode, 0xa0, 0xa3)) return operands.addressSizePrefix ? 4 : 8;
  if (opcode === 0xf6 || opcode === 0xf7) {
    if ((modrm & 0x30) !== 0) return 0;
    return opcode === 0xf6 ? 1 : full;
  }
  if (opcode === 0xe8 || opcode === 0xe9) return 4;
  if (opcode === 0xc2 || opcode === 0xca) return 2;
  if (opcode === 0xc8) return 3;
  if ([0x68, 0x69, 0x81, 0xa9, 0xc7].includes(opcode)) return full;
  const hasByte =
    within(opcode, 0x70, 0x7f) ||
    within(opcode, 0xb0, 0xb7) ||
    within(opcode, 0xe0, 0xe7) ||
    [0x6a, 0x6b, 0x80, 0x82, 0x83, 0xa8, 0xc0, 0xc1, 0xc6, 0xcd, 0xeb].includes(opcode);
  return hasByte ? 1 : 0;
}

/** 64-bit words in guest structures as numbers: exact below 2^53, rounded above. */
const TWO_32 = 4294967296;
const MAX_HALF = 0xffffffff;

export function readWord(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}

/** `value` is not negative; one that was rounded up to 2^64 is written as all ones in its upper half. */
export function writeWord(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32LE(value % TWO_32, at);
  bytes.writeUInt32LE(Math.min(Math.floor(value / TWO_32), MAX_HALF), at + 4);
}

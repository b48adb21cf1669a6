/**
 * The format of a saved memory. It is a stream: nothing refers backward, and all numbers are little-endian.
 *
 *     bytes  what
 *     -----  ---------------------------------------------------------------------------------------
 *        8   "RINGFMEM"
 *        4   version of the format
 *        4   page size
 *        8   bytes allocated
 *     then records, of 32 bytes, each with what follows it:
 *        4   1: pages in a row that are alike, by ascending offset
 *            2: contents, of some pages of the record 1 before it, by ascending offset; the bytes follow
 *            3: end; the checksum follows, and nothing behind it
 *        4   record 1: the kind of memory; otherwise 0
 *        8   records 1 and 2: offset in the memory file
 *        8   records 1 and 2: length in bytes
 *        8   record 1: references that each page has; otherwise 0
 *     at the end
 *       32   SHA-256 of all bytes before it
 *
 * Pages without contents are all zeroes.
 */
import { PAGE_SIZE } from '../platform/file-range.js';

export const HEADER_SIZE = 24;
export const RECORD_SIZE = 32;
export const CHECKSUM_SIZE = 32;
export const CHECKSUM = 'sha256';
export const VERSION = 1;

const MAGIC = Buffer.from('RINGFMEM', 'latin1');

export const RecordType = { Frames: 1, Contents: 2, End: 3 } as const;

export interface SavedRecord {
  readonly type: number;
  readonly kind: number;
  readonly start: number;
  readonly length: number;
  readonly references: number;
}

export function encodeHeader(allocated: number): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE);
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(PAGE_SIZE, 12);
  bytes.writeBigUInt64LE(BigInt(allocated), 16);
  return bytes;
}

/** The bytes allocated; or what is wrong. */
export function decodeHeader(bytes: Buffer): number | string {
  const version = bytes.readUInt32LE(8);
  const pageSize = bytes.readUInt32LE(12);
  if (!bytes.subarray(0, 8).equals(MAGIC)) return 'it does not begin as one';
  if (version !== VERSION) return `its format has version ${version}, and only ${VERSION} is known`;
  if (pageSize !== PAGE_SIZE) return `its pages have ${pageSize} bytes, not ${PAGE_SIZE}`;
  return Number(bytes.readBigUInt64LE(16));
}

export function encodeRecord(record: Partial<SavedRecord>): Buffer {
  const bytes = Buffer.alloc(RECORD_SIZE);
  bytes.writeUInt32LE(record.type ?? 0, 0);
  bytes.writeUInt32LE(record.kind ?? 0, 4);
  bytes.writeBigUInt64LE(BigInt(record.start ?? 0), 8);
  bytes.writeBigUInt64LE(BigInt(record.length ?? 0), 16);
  bytes.writeBigUInt64LE(BigInt(record.references ?? 0), 24);
  return bytes;
}

/** Numbers beyond 2^53 lose bits and stay beyond what any check of them allows. */
export function decodeRecord(bytes: Buffer): SavedRecord {
  return {
    type: bytes.readUInt32LE(0),
    kind: bytes.readUInt32LE(4),
    start: Number(bytes.readBigUInt64LE(8)),
    length: Number(bytes.readBigUInt64LE(16)),
    references: Number(bytes.readBigUInt64LE(24)),
  };
}

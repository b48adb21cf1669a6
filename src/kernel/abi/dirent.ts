/** Directory records: struct linux_dirent64 and struct linux_dirent (getdents(2)). */

/** `d_type` is the file type of `st_mode` shifted down. */
export function direntType(mode: number): number {
  return (mode >> 12) & 0xf;
}

/** Bytes before the name in struct linux_dirent64: d_ino, d_off, d_reclen, d_type. */
export const DIRENT64_NAME = 19;
/** Bytes before the name in struct linux_dirent, whose type is the record's last byte. */
const DIRENT_NAME = 18;
const DIRENT_RECLEN = 16;

/** Length of the record for a name of so many bytes: a multiple of 8. */
export function direntLength(nameLength: number): number {
  return Math.ceil((DIRENT64_NAME + nameLength + 1) / 8) * 8;
}

/** One record as read from bytes. */
export interface Dirent {
  readonly inode: bigint;
  readonly type: number;
  readonly name: string;
}

/** Where records come one by one. The host's mostly come all at once, in a buffer of their length. */
const MIN_GROWN = 1024;

/** Records of struct linux_dirent64 in a buffer that grows. `d_off` is the offset of the next record. */
export class DirentList {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  append(inode: bigint, type: number, name: string): void {
    const length = direntLength(name.length);
    this.#reserve(length, MIN_GROWN);
    const at = this.#length;
    const bytes = this.#bytes;
    bytes.fill(0, at, at + length);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, inode), at);
    bytes.writeUIntLE(at + length, at + 8, 6);
    bytes.writeUInt16LE(length, at + DIRENT_RECLEN);
    bytes.writeUInt8(type, at + 18);
    bytes.write(name, at + DIRENT64_NAME, 'latin1');
    this.#length += length;
  }

  /** Appends records as the host gave them. */
  appendRecords(records: Uint8Array): void {
    this.#reserve(records.length, 0);
    this.#bytes.set(records, this.#length);
    let at = this.#length;
    this.#length += records.length;
    while (at < this.#length) {
      const next = at + this.#bytes.readUInt16LE(at + DIRENT_RECLEN);
      this.#bytes.writeUIntLE(next, at + 8, 6);
      this.#bytes.writeUInt16LE(0, at + 14);
      at = next;
    }
  }

  /** Room for `length` more; in at least `least` bytes where there is not enough. */
  #reserve(length: number, least: number): void {
    if (this.#length + length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(least, this.#bytes.length * 2, this.#length + length));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
  }
}

/** The records in `bytes`, one after the other. */
export function* readDirents(bytes: Uint8Array): Generator<Dirent> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < view.length;) {
    const length = view.readUInt16LE(at + DIRENT_RECLEN);
    const nameStart = at + DIRENT64_NAME;
    const nameEnd = view.indexOf(0, nameStart);
    yield {
      inode: view.readBigUInt64LE(at),
      type: view.readUInt8(at + 18),
      name: view.toString('latin1', nameStart, nameEnd),
    };
    at += length;
  }
}

/** Where the first record begins that is at `offset` or behind it. */
export function nextRecord(bytes: Uint8Array, offset: number): number {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < offset && at < view.length) at += view.readUInt16LE(at + DIRENT_RECLEN);
  return Math.max(at, offset);
}

/** Length of as many whole records from `offset` on as `limit` bytes hold; 0 where not even one fits. */
export function wholeRecords(bytes: Uint8Array, offset: number, limit: number): number {
  if (bytes.length - offset <= limit) {
    return bytes.length - offset;
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = offset;
  while (end < view.length) {
    const next = end + view.readUInt16LE(end + DIRENT_RECLEN);
    if (next - offset > limit) {
      break;
    }
    end = next;
  }
  return end - offset;
}

/** Turns struct linux_dirent64 records into struct linux_dirent ones of the same lengths, in place. */
export function convertToOldDirents(records: Buffer): void {
  for (let at = 0; at < records.length;) {
    const length = records.readUInt16LE(at + DIRENT_RECLEN);
    const type = records.readUInt8(at + 18);
    records.copyWithin(at + DIRENT_NAME, at + DIRENT64_NAME, at + length);
    records.writeUInt8(type, at + length - 1);
    at += length;
  }
}

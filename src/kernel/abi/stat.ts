/** File metadata: struct statx is what we keep, struct stat is made from it (stat(2), statx(2), statfs(2)). */

/** File types and special bits in `st_mode`. */
export const Mode = {
  S_IFMT: 0o170000,
  S_IFSOCK: 0o140000,
  S_IFLNK: 0o120000,
  S_IFREG: 0o100000,
  S_IFBLK: 0o060000,
  S_IFDIR: 0o040000,
  S_IFCHR: 0o020000,
  S_IFIFO: 0o010000,
  S_ISUID: 0o4000,
  S_ISGID: 0o2000,
  S_ISVTX: 0o1000,
} as const;

export const STATX_BASIC_STATS = 0x7ff;
export const STATX_MNT_ID = 0x1000;
/** Bits of the mask that are reserved. */
export const STATX_RESERVED = 0x80000000;

export const STATX_SIZE = 256;
export const STAT_SIZE = 144;
export const STATFS_SIZE = 120;

/** Byte offsets of the fields of struct statx. */
const Statx = {
  mask: 0,
  blksize: 4,
  nlink: 16,
  uid: 20,
  gid: 24,
  mode: 28,
  ino: 32,
  size: 40,
  blocks: 48,
  atime: 64,
  btime: 80,
  ctime: 96,
  mtime: 112,
  rdevMajor: 128,
  rdevMinor: 132,
  devMajor: 136,
  devMinor: 140,
  mountId: 144,
} as const;

const TIME_FIELDS = { atime: 72, mtime: 88, ctime: 104 } as const;

/** A point in time, as struct timespec. */
export interface Timespec {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export type TimeField = 'atime' | 'btime' | 'ctime' | 'mtime';

/** The number by which struct stat names a device: new_encode_dev. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

export function deviceMajor(device: number): number {
  return (device >>> 8) & 0xfff;
}

export function deviceMinor(device: number): number {
  return ((device & 0xff) | ((device >>> 12) & 0xfff00)) >>> 0;
}

/** One struct statx, readable by field. The host fills it in place; 64-bit fields stay exact as bytes. */
export class StatRecord {
  readonly bytes = new Uint8Array(STATX_SIZE);
  readonly #view = new DataView(this.bytes.buffer);

  get mode(): number {
    return this.#view.getUint16(Statx.mode, true);
  }
  set mode(value: number) {
    this.#view.setUint16(Statx.mode, value, true);
  }

  get uid(): number {
    return this.#view.getUint32(Statx.uid, true);
  }
  set uid(value: number) {
    this.#view.setUint32(Statx.uid, value, true);
  }

  get gid(): number {
    return this.#view.getUint32(Statx.gid, true);
  }
  set gid(value: number) {
    this.#view.setUint32(Statx.gid, value, true);
  }

  get nlink(): number {
    return this.#view.getUint32(Statx.nlink, true);
  }
  set nlink(value: number) {
    this.#view.setUint32(Statx.nlink, value, true);
  }

  get inode(): bigint {
    return this.#view.getBigUint64(Statx.ino, true);
  }
  set inode(value: bigint) {
    this.#view.setBigUint64(Statx.ino, value, true);
  }

  /** The number's halves, to compare without a BigInt. */
  get inodeLow(): number {
    return this.#view.getUint32(Statx.ino, true);
  }
  get inodeHigh(): number {
    return this.#view.getUint32(Statx.ino + 4, true);
  }

  get size(): number {
    return this.#getLong(Statx.size);
  }
  set size(value: number) {
    this.#setLong(Statx.size, value);
  }

  get blocks(): number {
    return this.#getLong(Statx.blocks);
  }
  set blocks(value: number) {
    this.#setLong(Statx.blocks, value);
  }

  set blockSize(value: number) {
    this.#view.setUint32(Statx.blksize, value, true);
  }

  set mask(value: number) {
    this.#view.setUint32(Statx.mask, value, true);
  }
  get mask(): number {
    return this.#view.getUint32(Statx.mask, true);
  }

  set mountId(value: number) {
    this.#setLong(Statx.mountId, value);
  }

  /** `st_dev` */
  get device(): number {
    return encodeDevice(
      this.#view.getUint32(Statx.devMajor, true),
      this.#view.getUint32(Statx.devMinor, true),
    );
  }
  set device(value: number) {
    this.#view.setUint32(Statx.devMajor, deviceMajor(value), true);
    this.#view.setUint32(Statx.devMinor, deviceMinor(value), true);
  }

  /** `st_rdev` */
  get deviceOfNode(): number {
    return encodeDevice(
      this.#view.getUint32(Statx.rdevMajor, true),
      this.#view.getUint32(Statx.rdevMinor, true),
    );
  }
  set deviceOfNode(value: number) {
    this.#view.setUint32(Statx.rdevMajor, deviceMajor(value), true);
    this.#view.setUint32(Statx.rdevMinor, deviceMinor(value), true);
  }

  time(field: TimeField): Timespec {
    return {
      seconds: Number(this.#view.getBigInt64(Statx[field], true)),
      nanoseconds: this.#view.getUint32(Statx[field] + 8, true),
    };
  }

  setTime(field: TimeField, time: Timespec): void {
    this.#view.setBigInt64(Statx[field], BigInt(time.seconds), true);
    this.#view.setUint32(Statx[field] + 8, time.nanoseconds, true);
  }

  copyFrom(other: StatRecord): void {
    this.bytes.set(other.bytes);
  }

  /** The same object: device, inode number and type. */
  sameObject(other: StatRecord): boolean {
    return (
      this.inodeLow === other.inodeLow &&
      this.inodeHigh === other.inodeHigh &&
      this.device === other.device &&
      (this.mode & Mode.S_IFMT) === (other.mode & Mode.S_IFMT)
    );
  }

  /** Writes struct stat, of 144 bytes, to the beginning of `out`. */
  encodeStat(out: DataView): void {
    out.setUint32(0, this.device, true);
    out.setUint32(4, 0, true);
    this.#copyLong(Statx.ino, out, 8);
    out.setUint32(16, this.nlink, true);
    out.setUint32(20, 0, true);
    out.setUint32(24, this.mode, true);
    out.setUint32(28, this.uid, true);
    out.setUint32(32, this.gid, true);
    out.setUint32(36, 0, true);
    out.setUint32(40, this.deviceOfNode, true);
    out.setUint32(44, 0, true);
    this.#copyLong(Statx.size, out, 48);
    out.setUint32(56, this.#view.getUint32(Statx.blksize, true), true);
    out.setUint32(60, 0, true);
    this.#copyLong(Statx.blocks, out, 64);
    this.#copyTime(Statx.atime, out, TIME_FIELDS.atime);
    this.#copyTime(Statx.mtime, out, TIME_FIELDS.mtime);
    this.#copyTime(Statx.ctime, out, TIME_FIELDS.ctime);
    for (let at = 120; at < STAT_SIZE; at += 4) out.setUint32(at, 0, true);
  }

  #copyTime(from: number, out: DataView, to: number): void {
    this.#copyLong(from, out, to);
    out.setUint32(to + 8, this.#view.getUint32(from + 8, true), true);
    out.setUint32(to + 12, 0, true);
  }

  /** All its bits, and no BigInt for them. */
  #copyLong(from: number, out: DataView, to: number): void {
    out.setUint32(to, this.#view.getUint32(from, true), true);
    out.setUint32(to + 4, this.#view.getUint32(from + 4, true), true);
  }

  #getLong(at: number): number {
    return this.#view.getUint32(at + 4, true) * 4294967296 + this.#view.getUint32(at, true);
  }

  #setLong(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
    this.#view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  }
}

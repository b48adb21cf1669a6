/** struct statfs (statfs(2)), 120 bytes. */
import { STATFS_SIZE } from './stat.js';

/** `f_type` of the file systems we have (<linux/magic.h>). */
export const FsMagic = {
  Tmpfs: 0x01021994,
  Proc: 0x9fa0,
  Sysfs: 0x62656572,
  Devpts: 0x1cd1,
  Pipefs: 0x50495045,
  Sockfs: 0x534f434b,
  AnonInode: 0x09041934,
  Fuse: 0x65735546,
} as const;

export interface StatfsFields {
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly free: number;
  readonly files: number;
  readonly filesFree: number;
  readonly flags: number;
}

/** `f_flags`: ST_VALID says the others count. */
export const StatfsFlag = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, VALID: 0x20 } as const;

const NAME_LENGTH = 255;

export function encodeStatfs(fields: StatfsFields, out: Uint8Array): void {
  const view = Buffer.from(out.buffer, out.byteOffset, STATFS_SIZE);
  view.fill(0);
  view.writeUInt32LE(fields.type, 0);
  view.writeUIntLE(fields.blockSize, 8, 6);
  view.writeUIntLE(fields.blocks, 16, 6);
  view.writeUIntLE(fields.free, 24, 6);
  view.writeUIntLE(fields.free, 32, 6);
  view.writeUIntLE(fields.files, 40, 6);
  view.writeUIntLE(fields.filesFree, 48, 6);
  view.writeUIntLE(NAME_LENGTH, 64, 6);
  view.writeUIntLE(fields.blockSize, 72, 6);
  view.writeUIntLE(fields.flags, 80, 6);
}

/** Replaces `f_flags` in a structure that the host filled. */
export function setStatfsFlags(out: Uint8Array, flags: number): void {
  Buffer.from(out.buffer, out.byteOffset, STATFS_SIZE).writeUIntLE(flags, 80, 6);
}

/** Makes ELF files to order. */
import { MemoryKind } from '../../../src/platform/contract.js';
import type {
  ExecutableFile,
  ExecutableOpener,
} from '../../../src/kernel/loader/executable-file.js';
import { PAGE_SIZE, pageRoundUp, type FileRange } from '../../../src/platform/file-range.js';
import { Errno } from '../../../src/kernel/abi/errno.js';
import type { FakeMemory } from '../fake-platform.js';

export interface Segment {
  readonly type?: number;
  readonly flags?: number;
  readonly offset?: number | bigint;
  readonly vaddr?: number | bigint;
  readonly fileSize?: number | bigint;
  readonly memorySize?: number | bigint;
  readonly align?: number | bigint;
}

export interface ElfSpec {
  readonly type?: number;
  readonly machine?: number;
  readonly elfClass?: number;
  readonly entry?: number | bigint;
  readonly phentsize?: number;
  readonly phnum?: number;
  readonly segments?: readonly Segment[];
  readonly size?: number;
  readonly interpreter?: string;
}

export const TEXT: Segment = {
  type: 1,
  flags: 5,
  offset: 0,
  vaddr: 0x400000,
  fileSize: 0x1000,
  memorySize: 0x1000,
  align: 0x1000,
};
const INTERPRETER_AT = 0x800;

export function makeElf(spec: ElfSpec = {}): Buffer {
  const segments = [...(spec.segments ?? [TEXT])];
  const file = Buffer.alloc(spec.size ?? 0x3000, 0x90);
  file.fill(0, 0, 0x1000);
  file.write('\x7fELF', 'latin1');
  file[4] = spec.elfClass ?? 2;
  file[5] = 1;
  file[6] = 1;
  file.writeUInt16LE(spec.type ?? 2, 16);
  file.writeUInt16LE(spec.machine ?? 62, 18);
  file.writeBigUInt64LE(BigInt(spec.entry ?? 0x400100), 24);
  file.writeBigUInt64LE(64n, 32);
  if (spec.interpreter !== undefined) {
    file.write(`${spec.interpreter}\0`, INTERPRETER_AT, 'latin1');
    const length = spec.interpreter.length + 1;
    segments.push({ type: 3, offset: INTERPRETER_AT, fileSize: length, memorySize: length });
  }
  file.writeUInt16LE(spec.phentsize ?? 56, 54);
  file.writeUInt16LE(spec.phnum ?? segments.length, 56);
  segments.forEach((segment, index) => {
    const at = 64 + index * 56;
    file.writeUInt32LE(segment.type ?? 1, at);
    file.writeUInt32LE(segment.flags ?? 5, at + 4);
    file.writeBigUInt64LE(BigInt(segment.offset ?? 0), at + 8);
    file.writeBigUInt64LE(BigInt(segment.vaddr ?? 0), at + 16);
    file.writeBigUInt64LE(BigInt(segment.fileSize ?? 0), at + 32);
    file.writeBigUInt64LE(BigInt(segment.memorySize ?? segment.fileSize ?? 0), at + 40);
    file.writeBigUInt64LE(BigInt(segment.align ?? 0x1000), at + 48);
  });
  return file;
}

/** A directory of files by path. */
export class FakeFiles implements ExecutableOpener {
  opened = 0;

  constructor(
    readonly memory: FakeMemory,
    readonly files: Readonly<Record<string, Uint8Array>>,
  ) {}

  openExecutable(path: string): ExecutableFile | number {
    const bytes = this.files[path];
    if (bytes === undefined) return -Errno.ENOENT;
    this.opened++;
    return executable(this.memory, path, bytes, () => this.opened--);
  }
}

function executable(
  memory: FakeMemory,
  path: string,
  bytes: Uint8Array,
  onClose: () => void,
): ExecutableFile {
  const frames = new Map<number, FileRange>();
  return {
    path,
    size: bytes.length,
    mapped: {
      mappable: {
        pageAt(offset) {
          if (offset >= pageRoundUp(bytes.length)) return undefined;
          const known = frames.get(offset);
          if (known !== undefined) return known;
          const frame = memory.allocate(PAGE_SIZE, MemoryKind.PageCache);
          memory.page(frame.start).set(bytes.subarray(offset, offset + PAGE_SIZE));
          frames.set(offset, frame);
          return frame;
        },
      },
      name: path,
      device: 1,
      inode: 1,
      readable: true,
      writable: false,
      noExecute: false,
    },
    readAt(offset, into) {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    close: onClose,
  };
}

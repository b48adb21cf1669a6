/**
 * ELF files that are wrong, one way each, and how the kernel must take them: what execve(2) says, or what becomes of
 * a program that starts all the same. The layout is elf(5)'s. All are built from one good file, which ends with
 * status 7.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const BASE = 0x400000n;

export const SegmentType = { Load: 1, Dynamic: 2, Interpreter: 3, Phdr: 6, Tls: 7 } as const;

export interface Segment {
  type?: number;
  flags?: number;
  offset?: bigint;
  address?: bigint;
  fileSize?: bigint;
  memorySize?: bigint;
  alignment?: bigint;
}

export interface ElfFields {
  magic?: number;
  /** EI_CLASS: 2 is 64 bits. */
  width?: number;
  /** EI_DATA: 1 is little-endian. */
  order?: number;
  type?: number;
  machine?: number;
  entry?: bigint;
  headersAt?: bigint;
  headerEntrySize?: number;
  headerCount?: number;
  segments?: readonly Segment[];
  /** What lies behind the program headers, in place of the code. */
  body?: Buffer;
  /** The file is cut, or filled with zeroes, to so many bytes. */
  length?: number;
}

/** mov $231, %eax; mov $7, %edi; syscall: exit_group(7). */
const EXIT_WITH_7 = Buffer.from([0xb8, 231, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05]);

function writeSegment(file: Buffer, at: number, segment: Segment, whole: bigint): void {
  const fileSize = segment.fileSize ?? whole;
  file.writeUInt32LE(segment.type ?? SegmentType.Load, at);
  file.writeUInt32LE(segment.flags ?? 5, at + 4);
  file.writeBigUInt64LE(segment.offset ?? 0n, at + 8);
  file.writeBigUInt64LE(segment.address ?? BASE, at + 16);
  file.writeBigUInt64LE(segment.address ?? BASE, at + 24);
  file.writeBigUInt64LE(fileSize, at + 32);
  file.writeBigUInt64LE(segment.memorySize ?? fileSize, at + 40);
  file.writeBigUInt64LE(segment.alignment ?? 4096n, at + 48);
}

/** An ELF file with the fields asked for, and the good file's where nothing was. */
export function buildElf(fields: ElfFields = {}): Buffer {
  const segments = fields.segments ?? [{}];
  const body = fields.body ?? EXIT_WITH_7;
  const bodyAt = HEADER_SIZE + segments.length * PROGRAM_HEADER_SIZE;
  const file = Buffer.alloc(bodyAt + body.length);
  file.writeUInt32BE(fields.magic ?? 0x7f454c46, 0);
  file.set([fields.width ?? 2, fields.order ?? 1, 1], 4);
  file.writeUInt16LE(fields.type ?? 2, 16);
  file.writeUInt16LE(fields.machine ?? 62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(fields.entry ?? BASE + BigInt(bodyAt), 24);
  file.writeBigUInt64LE(fields.headersAt ?? BigInt(HEADER_SIZE), 32);
  file.writeUInt16LE(HEADER_SIZE, 52);
  file.writeUInt16LE(fields.headerEntrySize ?? PROGRAM_HEADER_SIZE, 54);
  file.writeUInt16LE(fields.headerCount ?? segments.length, 56);
  segments.forEach((segment, i) => {
    writeSegment(file, HEADER_SIZE + i * PROGRAM_HEADER_SIZE, segment, BigInt(file.length));
  });
  file.set(body, bodyAt);
  if (fields.length === undefined) return file;
  return Buffer.concat([file, Buffer.alloc(fields.length)]).subarray(0, fields.length);
}

/** A file whose interpreter is named by `bytes`. */
function withInterpreter(bytes: Buffer, segment: Segment = {}): Buffer {
  const at = BigInt(HEADER_SIZE + 2 * PROGRAM_HEADER_SIZE);
  const length = BigInt(bytes.length);
  return buildElf({
    segments: [{ type: SegmentType.Interpreter, offset: at, fileSize: length, ...segment }, {}],
    body: Buffer.concat([bytes, EXIT_WITH_7]),
    entry: BASE + at + length,
  });
}

const text = (string: string): Buffer => Buffer.from(string, 'latin1');
const TOP = 0x7ffffffff000n;

/** Refused by execve: ENOEXEC and the like natively, 126 here. */
export const refused: Readonly<Record<string, Buffer>> = {
  'one byte': text('\x7f'),
  'the magic number alone': text('\x7fELF'),
  'plain text': text('this is no program\n'),
  'a header cut at 40 bytes': buildElf({ length: 40 }),
  'a header cut at 63 bytes': buildElf({ length: 63 }),
  'a header without its program headers': buildElf({ length: 64 }),
  'cut inside the program headers': buildElf({ length: 100 }),
  'another magic number': buildElf({ magic: 0x7f454c47 }),
  aarch64: buildElf({ machine: 183 }),
  'a machine that does not exist': buildElf({ machine: 0xffff }),
  'an object file': buildElf({ type: 1 }),
  'a core file': buildElf({ type: 4 }),
  'no type': buildElf({ type: 0 }),
  'program headers of the wrong size': buildElf({ headerEntrySize: 32 }),
  'no program header': buildElf({ headerCount: 0 }),
  '65,535 program headers': buildElf({ headerCount: 0xffff }),
  'program headers behind the end': buildElf({ headersAt: 1n << 20n }),
  'program headers at 2^63': buildElf({ headersAt: 1n << 63n }),
  'program headers at 2^64 - 1': buildElf({ headersAt: (1n << 64n) - 1n }),
  'an interpreter name without its end': withInterpreter(text('/lib/ld.so')),
  'an interpreter name of one byte': withInterpreter(text('\0')),
  'an interpreter name of 5,000 bytes': withInterpreter(text('/'.repeat(4999) + '\0')),
  'an interpreter name of 2^62 bytes': withInterpreter(text('/x\0'), { fileSize: 1n << 62n }),
  'an interpreter name behind the end': withInterpreter(text('/x\0'), { offset: 1n << 40n }),
  'an interpreter name at 2^63': withInterpreter(text('/x\0'), { offset: 1n << 63n }),
  'a directory as interpreter': withInterpreter(text('/etc\0')),
  'a text file as interpreter': withInterpreter(text('/etc/passwd\0')),
};

/** Machines that some hosts run and Ringfence does not: 126 whatever the host says. */
export const foreign: Readonly<Record<string, Buffer>> = {
  '32 bits': buildElf({ width: 1 }),
  '32 bits, i386': buildElf({ width: 1, machine: 3 }),
  'big-endian': buildElf({ order: 2 }),
};

/** The interpreter is not there: the shell's 127. */
export const notFound: Readonly<Record<string, Buffer>> = {
  'a missing interpreter': withInterpreter(text('/missing/ld.so\0')),
  'an interpreter in a missing folder': withInterpreter(text('/etc/missing/ld.so\0')),
};

/**
 * Linux notices only after the old program is gone, and kills; we may refuse (126) as well. The host must live,
 * and the message be one.
 */
export const fatal: Readonly<Record<string, Buffer>> = {
  'no segment to load': buildElf({ segments: [{ type: 4 }] }),
  'a segment in the kernel half': buildElf({ segments: [{ address: 0xffff800000000000n }] }),
  'a segment at the end of the user half': buildElf({ segments: [{ address: TOP }] }),
  'a segment over the end of the user half': buildElf({
    segments: [{ address: TOP - 4096n, memorySize: 8192n }],
  }),
  'a segment at 0': buildElf({ segments: [{ address: 0n }], entry: 0x78n }),
  'memory of 2^62 bytes': buildElf({ segments: [{ memorySize: 1n << 62n }] }),
  'memory of 2^64 - 1 bytes': buildElf({ segments: [{ memorySize: (1n << 64n) - 1n }] }),
  'memory of 2^46 bytes': buildElf({ segments: [{ memorySize: 1n << 46n, flags: 7 }] }),
  'memory of less than the file': buildElf({ segments: [{ fileSize: 200n, memorySize: 100n }] }),
  'file bytes of 2^62': buildElf({ segments: [{ fileSize: 1n << 62n }] }),
  'an address and an offset that do not fit': buildElf({ segments: [{ address: BASE + 8n }] }),
  'an offset of 2^63': buildElf({ segments: [{ offset: 1n << 63n }] }),
  'an offset of 2^64 - 4096': buildElf({ segments: [{ offset: (1n << 64n) - 4096n }] }),
  'overlapping segments': buildElf({
    segments: [{}, { memorySize: 0x3000n }, { address: BASE + 0x1000n, flags: 6 }],
  }),
  'an entry of 0': buildElf({ entry: 0n }),
  'an entry in the kernel half': buildElf({ entry: 0xffffffff80000000n }),
  'an entry that is not canonical': buildElf({ entry: 0xdead000000000000n }),
  'an entry where nothing is': buildElf({ entry: BASE + 0x10000n }),
  'a segment behind the end of the file': buildElf({ segments: [{ offset: 0x10000n }] }),
  'code behind the end of the file': buildElf({
    segments: [{ fileSize: 0x3000n }],
    entry: BASE + 0x2000n,
  }),
  'a segment that cannot be executed': buildElf({ segments: [{ flags: 4 }] }),
};

/** Odd, but they run: status 7. */
export const odd: Readonly<Record<string, Buffer>> = {
  'the good file': buildElf(),
  'segments in the wrong order': buildElf({
    segments: [{ address: BASE + 0x10000n, flags: 4 }, {}],
  }),
  'an empty segment': buildElf({
    segments: [{}, { address: 0x500000n, fileSize: 0n, memorySize: 0n }],
  }),
  'an alignment that is no power of two': buildElf({ segments: [{ alignment: 12345n }] }),
  'an alignment of 2^63': buildElf({ segments: [{ alignment: 1n << 63n }] }),
  'an alignment of 0': buildElf({ segments: [{ alignment: 0n }] }),
  'position-independent': buildElf({
    type: 3,
    segments: [{ address: 0n }],
    entry: BigInt(HEADER_SIZE + PROGRAM_HEADER_SIZE),
  }),
  'a huge TLS segment': buildElf({
    segments: [{}, { type: SegmentType.Tls, memorySize: 1n << 62n }],
  }),
  'unknown segments': buildElf({ segments: [{ type: 0x12345678, offset: 1n << 62n }, {}] }),
};

/** Writes the file beneath `folder`, executable, and gives its path. */
export function writeElf(folder: string, name: string, contents: Buffer): string {
  const path = join(folder, name.replace(/[^a-z0-9]+/gi, '-'));
  writeFileSync(path, contents);
  chmodSync(path, 0o755);
  return path;
}

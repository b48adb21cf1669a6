/** The ELF file format, as far as executing a program needs it (elf(5), System V ABI). Nothing in it is trusted. */
import { Errno } from '../abi/errno.js';
import { readWord } from '../abi/word.js';
import { ExecError } from './exec-error.js';
import type { ExecutableFile } from './executable-file.js';

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
/** Linux refuses a larger table of program headers. */
const MAX_TABLE = 65536;
const PATH_MAX = 4096;

const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_X86_64 = 62;

const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_PHDR = 6;
const PT_GNU_STACK = 0x6474e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface ElfImage {
  /** ET_DYN: may be loaded anywhere. */
  readonly positionIndependent: boolean;
  readonly entry: number;
  readonly programHeaderCount: number;
  /** Address of the program headers in memory, before the load bias; 0 where they are not loaded. */
  readonly programHeaderAddress: number;
  /** PT_LOAD headers in ascending order of address, which do not overlap. At least one. */
  readonly segments: readonly ProgramHeader[];
  /** PT_INTERP. */
  readonly interpreter: string | undefined;
  readonly executableStack: boolean;
}

export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/** Reads and checks the headers. @throws {ExecError} */
export function readElf(file: ExecutableFile, maxAddress: number): ElfImage {
  const header = readExactly(file, 0, HEADER_SIZE, 'the ELF header');
  checkIdentity(file, header);
  const type = header.readUInt16LE(16);
  if (type !== ET_EXEC && type !== ET_DYN) throw bad(file, 'it is an ELF file but no program');
  const headers = readProgramHeaders(file, header);
  const segments = headers
    .filter((entry) => entry.type === PT_LOAD && entry.memorySize > 0)
    .sort((a, b) => a.vaddr - b.vaddr);
  checkSegments(file, segments, maxAddress);
  return {
    positionIndependent: type === ET_DYN,
    entry: readWord(header, 24),
    programHeaderCount: headers.length,
    programHeaderAddress: programHeaderAddress(headers, segments, readWord(header, 32)),
    segments,
    interpreter: readInterpreter(file, headers),
    executableStack: headers.some(
      (entry) => entry.type === PT_GNU_STACK && (entry.flags & PF_X) !== 0,
    ),
  };
}

function checkIdentity(file: ExecutableFile, header: Buffer): void {
  if (!isElf(header)) throw bad(file, 'it is neither an ELF program nor a script');
  const machine = header.readUInt16LE(18);
  if (header[4] !== ELFCLASS64) throw bad(file, 'it is a 32-bit program; only x86-64 ones run');
  if (header[5] !== ELFDATA2LSB) throw bad(file, 'it is a big-endian program');
  if (machine !== EM_X86_64) {
    throw bad(file, `it is for another processor (ELF machine ${String(machine)})`);
  }
}

function readProgramHeaders(file: ExecutableFile, header: Buffer): ProgramHeader[] {
  const offset = readWord(header, 32);
  const entrySize = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  if (entrySize !== PROGRAM_HEADER_SIZE) throw bad(file, 'its program headers have a wrong size');
  if (count === 0 || count * entrySize > MAX_TABLE) {
    throw bad(file, `it has ${String(count)} program headers`);
  }
  const table = readExactly(file, offset, count * entrySize, 'the program headers');
  return Array.from({ length: count }, (_, index) => programHeader(table, index * entrySize));
}

function programHeader(table: Buffer, at: number): ProgramHeader {
  return {
    type: table.readUInt32LE(at),
    flags: table.readUInt32LE(at + 4),
    offset: readWord(table, at + 8),
    vaddr: readWord(table, at + 16),
    fileSize: readWord(table, at + 32),
    memorySize: readWord(table, at + 40),
    align: readWord(table, at + 48),
  };
}

function checkSegments(
  file: ExecutableFile,
  segments: readonly ProgramHeader[],
  maxAddress: number,
): void {
  if (segments.length === 0) throw bad(file, 'it has no loadable segment');
  let end = 0;
  for (const segment of segments) {
    // Each part alone first: a sum of unchecked 64-bit values would not be exact.
    if (segment.vaddr > maxAddress || segment.memorySize > maxAddress) {
      throw bad(file, 'a segment reaches beyond the address space');
    }
    if (segment.vaddr + segment.memorySize > maxAddress) {
      throw bad(file, 'a segment reaches beyond the address space');
    }
    if (segment.fileSize > segment.memorySize) {
      throw bad(file, 'a segment is larger in the file than in memory');
    }
    if (segment.fileSize > 0) checkFilePart(file, segment);
    if (segment.vaddr < end) throw bad(file, 'its segments overlap');
    end = segment.vaddr + segment.memorySize;
  }
}

function checkFilePart(file: ExecutableFile, segment: ProgramHeader): void {
  if (segment.offset > file.size || segment.offset + segment.fileSize > file.size) {
    throw bad(file, 'it is truncated: a segment reaches beyond the end of the file');
  }
  if (segment.offset % 4096 !== segment.vaddr % 4096) {
    throw bad(file, 'a segment is not aligned as its place in the file is');
  }
}

function programHeaderAddress(
  headers: readonly ProgramHeader[],
  segments: readonly ProgramHeader[],
  tableOffset: number,
): number {
  const own = headers.find((entry) => entry.type === PT_PHDR);
  if (own !== undefined) return own.vaddr;
  const holder = segments.find(
    ({ offset, fileSize }) => offset <= tableOffset && tableOffset < offset + fileSize,
  );
  return holder === undefined ? 0 : holder.vaddr + (tableOffset - holder.offset);
}

function readInterpreter(
  file: ExecutableFile,
  headers: readonly ProgramHeader[],
): string | undefined {
  const entry = headers.find(({ type }) => type === PT_INTERP);
  if (entry === undefined) return undefined;
  if (entry.fileSize < 2 || entry.fileSize > PATH_MAX) {
    throw bad(file, 'the name of its interpreter has a wrong length');
  }
  const bytes = readExactly(file, entry.offset, entry.fileSize, "the interpreter's name");
  if (bytes[bytes.length - 1] !== 0) throw bad(file, "its interpreter's name has no end");
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}

function readExactly(file: ExecutableFile, offset: number, length: number, what: string): Buffer {
  const bytes = Buffer.alloc(length);
  const count = offset > file.size ? 0 : file.readAt(offset, bytes);
  if (count < 0) throw new ExecError(-count, `${file.path}: cannot read ${what}`);
  if (count < length) {
    throw bad(
      file,
      offset === 0 && !isElf(bytes)
        ? 'it is neither an ELF program nor a script'
        : `it is truncated: it ends inside ${what}`,
    );
  }
  return bytes;
}

function bad(file: ExecutableFile, why: string): ExecError {
  return new ExecError(Errno.ENOEXEC, `${file.path}: cannot execute: ${why}`);
}

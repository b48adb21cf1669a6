/** Maps the segments of an ELF file. */
import { Access, type AccessType } from '../../platform/access.js';
import { PAGE_SIZE, pageRoundDown, pageRoundUp } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { findFree, mmap } from '../mm/mmap.js';
import { PF_R, PF_W, PF_X, type ElfImage, type ProgramHeader } from './elf.js';
import { ExecError } from './exec-error.js';
import type { ExecutableFile } from './executable-file.js';

/** Alignments above are not honoured: nothing needs more than a large page. */
const MAX_ALIGNMENT = 2 ** 30;

export interface LoadedImage {
  /** What is added to every address in the file. */
  readonly bias: number;
  readonly entry: number;
  readonly programHeaders: number;
  /** First address behind the highest segment. */
  readonly end: number;
}

/**
 * Maps `image`; one that may lie anywhere at about `base`, or where mmap(2) would put it if `base` is undefined.
 * @throws {ExecError}
 */
export function mapImage(
  mm: MemoryManager,
  file: ExecutableFile,
  image: ElfImage,
  base: number | undefined,
): LoadedImage {
  const bias = image.positionIndependent ? chooseBias(mm, file, image, base) : 0;
  for (const segment of image.segments) mapSegment(mm, file, segment, bias);
  const last = image.segments[image.segments.length - 1] as ProgramHeader;
  const entry = bias + image.entry;
  if (!isUserAddress(mm, entry)) {
    throw new ExecError(Errno.ENOEXEC, `${file.path}: cannot execute: its entry is no address`);
  }
  const headers = bias + image.programHeaderAddress;
  return {
    bias,
    entry,
    programHeaders: image.programHeaderAddress === 0 || !isUserAddress(mm, headers) ? 0 : headers,
    end: bias + last.vaddr + last.memorySize,
  };
}

function isUserAddress(mm: MemoryManager, address: number): boolean {
  return address >= 0 && address < mm.layout.top;
}

function chooseBias(
  mm: MemoryManager,
  file: ExecutableFile,
  image: ElfImage,
  base: number | undefined,
): number {
  const first = image.segments[0] as ProgramHeader;
  const last = image.segments[image.segments.length - 1] as ProgramHeader;
  const low = pageRoundDown(first.vaddr);
  const alignment = alignmentOf(image);
  const length = pageRoundUp(last.vaddr + last.memorySize) - (low - (low % alignment));
  const wanted = base === undefined ? undefined : base - (base % alignment);
  const start =
    wanted !== undefined && wanted + length <= mm.layout.top && isFree(mm, wanted, length)
      ? wanted
      : findFree(mm, length, alignment);
  if (start < 0) throw new ExecError(Errno.ENOMEM, `${file.path}: too large for the address space`);
  return start - (low - (low % alignment));
}

function isFree(mm: MemoryManager, start: number, length: number): boolean {
  return !mm.vmas.occupied(start, start + length);
}

/** The largest alignment asked for that is a power of two. */
function alignmentOf(image: ElfImage): number {
  let alignment = PAGE_SIZE;
  for (const { align } of image.segments) {
    const powerOfTwo = Number.isInteger(Math.log2(align));
    if (powerOfTwo && align > alignment && align <= MAX_ALIGNMENT) alignment = align;
  }
  return alignment;
}

function mapSegment(
  mm: MemoryManager,
  file: ExecutableFile,
  segment: ProgramHeader,
  bias: number,
): void {
  const address = bias + segment.vaddr;
  const fileEnd = address + segment.fileSize;
  const start = pageRoundDown(address);
  const fileTop = segment.fileSize === 0 ? start : pageRoundUp(fileEnd);
  const top = pageRoundUp(address + segment.memorySize);
  const access = accessOf(segment);
  if (segment.fileSize > 0) {
    const offset = pageRoundDown(segment.offset);
    map(mm, file, { start, end: fileTop, access, offset, fromFile: true });
    zeroTail(mm, file, segment, fileEnd, fileTop);
  }
  if (top > fileTop) {
    map(mm, file, { start: fileTop, end: top, access, offset: 0, fromFile: false });
  }
}

interface Part {
  readonly start: number;
  readonly end: number;
  readonly access: AccessType;
  readonly offset: number;
  readonly fromFile: boolean;
}

function map(mm: MemoryManager, file: ExecutableFile, part: Part): void {
  const result = mmap(mm, {
    address: part.start,
    length: part.end - part.start,
    access: part.access,
    shared: false,
    placement: 'fixed',
    offset: part.offset,
    file: part.fromFile ? file.mapped : undefined,
    image: part.fromFile,
  });
  if (result >= 0) return;
  const why = result === -Errno.ENOMEM ? 'not enough memory for it' : 'a segment cannot be mapped';
  throw new ExecError(-result, `${file.path}: cannot execute: ${why}`);
}

/** Clears what the last page of the file part holds beyond it: the beginning of bss. */
function zeroTail(
  mm: MemoryManager,
  file: ExecutableFile,
  segment: ProgramHeader,
  fileEnd: number,
  fileTop: number,
): void {
  if (segment.memorySize === segment.fileSize || fileEnd === fileTop) return;
  // Linux leaves a read-only segment's tail as the file has it.
  if ((segment.flags & PF_W) === 0) return;
  if (mm.write(fileEnd, new Uint8Array(fileTop - fileEnd)) === 0) return;
  throw new ExecError(Errno.ENOMEM, `${file.path}: cannot execute: not enough memory for it`);
}

function accessOf({ flags }: ProgramHeader): AccessType {
  return (
    (flags & PF_R ? Access.Read : 0) |
    (flags & PF_W ? Access.Write : 0) |
    (flags & PF_X ? Access.Execute : 0)
  );
}

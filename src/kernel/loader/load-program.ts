/** execve(2) up to the point where the new program runs: finds it, checks it, and lays it out in memory. */
import { AuxType } from '../abi/auxv.js';
import { Errno, errnoName } from '../abi/errno.js';
import { BRK_RANDOM, randomPages } from '../mm/address-layout.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { pageRoundUp } from '../../platform/file-range.js';
import type { Credentials } from '../task/credentials.js';
import type { Vdso } from '../time/vdso.js';
import { readElf, type ElfImage } from './elf.js';
import { ExecError } from './exec-error.js';
import type { ExecutableFile, ExecutableOpener } from './executable-file.js';
import { buildInitialStack } from './initial-stack.js';
import { mapImage, type LoadedImage } from './map-image.js';
import { HEAD_SIZE, MAX_DEPTH, isScript, parseScript } from './script.js';

const USER_HZ = 100;
const PAGE = 4096;
const PROGRAM_HEADER_SIZE = 56;

/** Processor facts that go into the auxiliary vector. */
export interface Hardware {
  readonly hwcap: number;
  readonly hwcap2: number;
  readonly minSignalStack: number;
}

/** A program found, checked and not yet loaded. Close it. */
export interface ProgramFile {
  readonly file: ExecutableFile;
  readonly image: ElfImage;
  readonly interpreter: { readonly file: ExecutableFile; readonly image: ElfImage } | undefined;
  /** The arguments, with those that scripts put in front. */
  readonly argv: readonly string[];
  /** As it was named, for AT_EXECFN. */
  readonly name: string;
}

export interface LoadedProgram {
  readonly entry: number;
  readonly stackPointer: number;
}

/** Finds what is to run, through any `#!` lines, and its interpreter. @throws {ExecError} */
export function openProgram(
  opener: ExecutableOpener,
  path: string,
  argv: readonly string[],
  maxAddress: number,
): ProgramFile {
  let name = path;
  let args = argv;
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    const file = open(opener, name);
    try {
      const head = Buffer.alloc(HEAD_SIZE);
      const count = file.readAt(0, head);
      if (count < 0) throw new ExecError(-count, `${name}: cannot be read`);
      if (!isScript(head)) return openElf(opener, file, name, args, maxAddress, path);
      const line = parseScript(head.subarray(0, count));
      if (line === undefined) {
        throw new ExecError(Errno.ENOEXEC, `${name}: its #! line names no interpreter`);
      }
      const rest = args.slice(1);
      args = [line.interpreter, ...(line.argument === undefined ? [] : [line.argument]), name];
      args = [...args, ...rest];
      name = line.interpreter;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
  throw new ExecError(Errno.ELOOP, `${path}: too many interpreters one behind another`);
}

export function closeProgram(program: ProgramFile): void {
  program.file.close();
  program.interpreter?.file.close();
}

/** Maps the program, its interpreter, heap and stack into a fresh memory manager. @throws {ExecError} */
export function loadProgram(
  mm: MemoryManager,
  program: ProgramFile,
  env: readonly string[],
  credentials: Credentials,
  hardware: Hardware,
  vdso: Vdso | undefined,
): LoadedProgram {
  const { image, interpreter } = program;
  const { programBase } = mm.layout;
  // Without an interpreter it may be the loader itself, which must leave the usual place to its program.
  const base = interpreter === undefined ? undefined : programBase;
  const loaded = mapImage(mm, program.file, image, base);
  const loader =
    interpreter === undefined
      ? undefined
      : mapImage(mm, interpreter.file, interpreter.image, undefined);
  const vdsoAt = vdso?.mapInto(mm) ?? 0;
  placeHeap(mm, image.positionIndependent && base === undefined ? programBase : loaded.end);
  setProgramLayout(mm, image, loaded);
  const stackPointer = buildInitialStack(mm, {
    path: program.name,
    argv: program.argv,
    env,
    auxv: [
      ...(vdsoAt > 0 ? [[AuxType.SysinfoEhdr, vdsoAt] as [number, number]] : []),
      ...auxiliaryVector(image, loaded, loader, credentials, hardware),
    ],
    executable: image.executableStack,
  });
  return { entry: (loader ?? loaded).entry, stackPointer };
}

function open(opener: ExecutableOpener, path: string): ExecutableFile {
  const file = opener.openExecutable(path);
  if (typeof file !== 'number') return file;
  throw new ExecError(-file, `${path}: ${reason(-file)}`);
}

function reason(errno: number): string {
  switch (errno) {
    case Errno.ENOENT:
      return 'no such file';
    case Errno.ENOTDIR:
      return 'no such file: part of its path is no directory';
    case Errno.EACCES:
      return 'permission denied, or it is no regular file';
    case Errno.ETXTBSY:
      return 'it is open for writing';
    case Errno.ELOOP:
      return 'too many levels of symbolic links';
    default:
      return `cannot be opened (${errnoName.get(errno) ?? String(errno)})`;
  }
}

function openElf(
  opener: ExecutableOpener,
  file: ExecutableFile,
  name: string,
  argv: readonly string[],
  maxAddress: number,
  originalPath: string,
): ProgramFile {
  const image = readElf(file, maxAddress);
  const interpreter =
    image.interpreter === undefined
      ? undefined
      : openInterpreter(opener, image.interpreter, name, maxAddress);
  return { file, image, interpreter, argv, name: originalPath };
}

function openInterpreter(
  opener: ExecutableOpener,
  path: string,
  program: string,
  maxAddress: number,
): { file: ExecutableFile; image: ElfImage } {
  const file = opener.openExecutable(path);
  if (typeof file === 'number') {
    throw new ExecError(-file, `${program}: its interpreter ${path}: ${reason(-file)}`);
  }
  try {
    const image = readElf(file, maxAddress);
    return { file, image };
  } catch (error) {
    file.close();
    if (!(error instanceof ExecError)) throw error;
    throw new ExecError(Errno.ELIBBAD, `${program}: its interpreter: ${error.message}`);
  }
}

/** The heap begins at random behind the program; no mapping may be in the way of its start. */
function placeHeap(mm: MemoryManager, end: number): void {
  const start = pageRoundUp(end) + randomPages(BRK_RANDOM);
  mm.startBrk = start;
  mm.brk = start;
}

function setProgramLayout(mm: MemoryManager, image: ElfImage, loaded: LoadedImage): void {
  const { program } = mm;
  for (const { vaddr, fileSize, flags } of image.segments) {
    const start = loaded.bias + vaddr;
    if ((flags & 1) !== 0) {
      if (program.startCode === 0) program.startCode = start;
      program.endCode = start + fileSize;
    }
    program.startData = start;
    program.endData = Math.max(program.endData, start + fileSize);
  }
}

function auxiliaryVector(
  image: ElfImage,
  loaded: LoadedImage,
  loader: LoadedImage | undefined,
  credentials: Credentials,
  hardware: Hardware,
): [number, number][] {
  return [
    [AuxType.Minsigstksz, hardware.minSignalStack],
    [AuxType.Hwcap, hardware.hwcap],
    [AuxType.Pagesz, PAGE],
    [AuxType.Clktck, USER_HZ],
    [AuxType.Phdr, loaded.programHeaders],
    [AuxType.Phent, PROGRAM_HEADER_SIZE],
    [AuxType.Phnum, image.programHeaderCount],
    [AuxType.Base, loader?.bias ?? 0],
    [AuxType.Flags, 0],
    [AuxType.Entry, loaded.entry],
    [AuxType.Uid, credentials.uid],
    [AuxType.Euid, credentials.euid],
    [AuxType.Gid, credentials.gid],
    [AuxType.Egid, credentials.egid],
    [AuxType.Secure, 0],
    [AuxType.Hwcap2, hardware.hwcap2],
  ];
}

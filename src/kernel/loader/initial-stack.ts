/**
 * The stack a program starts with, System V ABI for x86-64, section 3.4.1. From the stack pointer upward:
 *
 *   argc · argv[] NULL · envp[] NULL · auxiliary vector · (alignment) · 16 random bytes · platform
 *   · argument strings · environment strings · file name · 8 zero bytes
 */
import { fillRandom, randomInt } from '../../host/random.js';
import { Access } from '../../platform/access.js';
import { PAGE_SIZE, pageRoundDown } from '../../platform/file-range.js';
import { AuxType } from '../abi/auxv.js';
import { Errno } from '../abi/errno.js';
import { writeWord } from '../abi/word.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { ExecError } from './exec-error.js';

const KIB = 1024;
/** MAX_ARG_STRLEN of Linux, its terminator counted. */
const MAX_STRING = 32 * PAGE_SIZE;
/** Arguments and environment may take a quarter of the stack limit, and three quarters of 8 MiB at most. */
const MAX_STRINGS = 6 * KIB * KIB;
const MIN_STRINGS = 128 * KIB;
/** Mapped below the stack pointer from the start. */
const STACK_ROOM = 128 * KIB;
const PLATFORM_NAME = 'x86_64';

export interface StackContents {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Entries in order; those that point into the stack, and the end mark, are added. */
  readonly auxv: readonly (readonly [type: number, value: number])[];
  readonly executable: boolean;
}

/** Refuses arguments that are too long, before anything of the old program is given up. @throws {ExecError} */
export function checkArguments(
  argv: readonly string[],
  env: readonly string[],
  stackLimit: number,
): void {
  const most = Math.max(Math.min(stackLimit / 4, MAX_STRINGS), MIN_STRINGS);
  let total = (argv.length + env.length + 2) * 8;
  for (const text of [...argv, ...env]) {
    if (text.length >= MAX_STRING) throw new ExecError(Errno.E2BIG, 'an argument is too long');
    total += text.length + 1;
  }
  if (total > most) throw new ExecError(Errno.E2BIG, 'the argument list is too long');
}

/** Maps the stack and fills it; gives the stack pointer. @throws {ExecError} */
export function buildInitialStack(mm: MemoryManager, contents: StackContents): number {
  const { argv, env, path } = contents;
  const top = mm.layout.stackTop;
  const strings = Buffer.from([...argv, ...env, path, ''].join('\0'), 'latin1');
  const stringsAt = top - 8 - strings.length;
  const platformAt = stringsAt - PLATFORM_NAME.length - 1;
  const randomAt = platformAt - 16;
  // Beside the place of the whole stack, its start within a page or two is random as well.
  const slide = randomInt(512) * 16;
  const argStart = stringsAt;
  const envStart = argStart + bytesOf(argv);
  const execfn = envStart + bytesOf(env);
  const auxv = [
    ...contents.auxv,
    [AuxType.Random, randomAt],
    [AuxType.Execfn, execfn],
    [AuxType.Platform, platformAt],
    [AuxType.Null, 0],
  ] as const;
  const words = 1 + argv.length + 1 + env.length + 1 + auxv.length * 2;
  const below = randomAt - slide - words * 8;
  const stackPointer = below - (below % 16);
  const block = Buffer.alloc(top - stackPointer);
  const writer = new WordWriter(block);
  writer.put(argv.length);
  putPointers(writer, argv, argStart);
  putPointers(writer, env, envStart);
  const auxvFrom = writer.position;
  for (const [type, value] of auxv) {
    writer.put(type);
    writer.put(value);
  }
  mm.program.auxv = new Uint8Array(block.subarray(auxvFrom, writer.position));
  fillRandom(block.subarray(randomAt - stackPointer, platformAt - stackPointer));
  block.write(PLATFORM_NAME, platformAt - stackPointer, 'latin1');
  strings.copy(block, stringsAt - stackPointer);
  mapStack(mm, pageRoundDown(stackPointer - STACK_ROOM), contents.executable);
  if (mm.write(stackPointer, block) !== 0) {
    throw new ExecError(Errno.ENOMEM, `${path}: not enough memory for its stack`);
  }
  Object.assign(mm.program, {
    startStack: stackPointer,
    argStart,
    argEnd: envStart,
    envStart,
    envEnd: execfn,
  });
  return stackPointer;
}

function mapStack(mm: MemoryManager, start: number, executable: boolean): void {
  const all = Access.Read | Access.Write | Access.Execute;
  if (mm.vmas.occupied(start, mm.layout.stackTop)) {
    throw new ExecError(Errno.ENOEXEC, 'a segment lies where the stack must be');
  }
  mm.insertVma(
    start,
    mm.layout.stackTop,
    {
      access: executable ? all : Access.Read | Access.Write,
      maxAccess: all,
      shared: false,
      growsDown: true,
      noReserve: false,
      image: false,
      file: undefined,
    },
    0,
  );
}

function bytesOf(strings: readonly string[]): number {
  return strings.reduce((sum, text) => sum + text.length + 1, 0);
}

function putPointers(writer: WordWriter, strings: readonly string[], start: number): void {
  let address = start;
  for (const text of strings) {
    writer.put(address);
    address += text.length + 1;
  }
  writer.put(0);
}

class WordWriter {
  position = 0;

  constructor(readonly block: Buffer) {}

  put(value: number): void {
    writeWord(this.block, this.position, value);
    this.position += 8;
  }
}

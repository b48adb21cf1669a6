import { describe, expect, it } from 'vitest';
import { Errno } from '../../../src/kernel/abi/errno.js';
import { AuxType } from '../../../src/kernel/abi/auxv.js';
import { ExecError } from '../../../src/kernel/loader/exec-error.js';
import { checkArguments } from '../../../src/kernel/loader/initial-stack.js';
import {
  closeProgram,
  loadProgram,
  openProgram,
  type LoadedProgram,
} from '../../../src/kernel/loader/load-program.js';
import { parseScript } from '../../../src/kernel/loader/script.js';
import { findProgram } from '../../../src/kernel/loader/search-path.js';
import type { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { simpleCredentials } from '../../../src/kernel/task/credentials.js';
import { makeMm } from '../mm/mm-fixture.js';
import { FakeFiles, TEXT, makeElf, type ElfSpec } from './elf-fixture.js';

const TOP = 2 ** 47 - 4096;
const hardware = { hwcap: 0x1234, hwcap2: 2, minSignalStack: 3632 };
const credentials = simpleCredentials(1000, 1000, []);

interface Loaded extends LoadedProgram {
  readonly mm: MemoryManager;
  readonly files: FakeFiles;
}

function load(
  contents: Readonly<Record<string, Uint8Array>>,
  argv: readonly string[] = ['prog'],
  env: readonly string[] = [],
): Loaded {
  const { mm, memory } = makeMm();
  const files = new FakeFiles(memory, contents);
  const program = openProgram(files, '/prog', argv, TOP);
  try {
    return { mm, files, ...loadProgram(mm, program, env, credentials, hardware, undefined) };
  } finally {
    closeProgram(program);
  }
}

function failure(contents: Readonly<Record<string, Uint8Array>>): ExecError {
  const { mm, memory } = makeMm();
  const files = new FakeFiles(memory, contents);
  try {
    const program = openProgram(files, '/prog', ['prog'], TOP);
    try {
      loadProgram(mm, program, [], credentials, hardware, undefined);
    } finally {
      closeProgram(program);
    }
  } catch (error) {
    expect(files.opened).toBe(0);
    if (error instanceof ExecError) return error;
    throw error;
  }
  throw new Error('it was loaded');
}

function words(mm: MemoryManager, address: number, count: number): number[] {
  const bytes = Buffer.alloc(count * 8);
  expect(mm.copyIn(address, bytes)).toBe(bytes.length);
  return Array.from({ length: count }, (_, index) => Number(bytes.readBigUInt64LE(index * 8)));
}

describe('hostile files', () => {
  const seg = (over: object): ElfSpec => ({ segments: [{ ...TEXT, ...over }] });
  const big = 2n ** 63n;
  it.each<[string, Uint8Array, RegExp]>([
    ['an empty file', Buffer.alloc(0), /neither an ELF program nor a script/],
    ['a text', Buffer.from('hello, this is no program at all'.repeat(4)), /neither/],
    ['a header cut off', makeElf().subarray(0, 40), /truncated/],
    ['program headers cut off', makeElf().subarray(0, 100), /truncated/],
    ['a segment cut off', makeElf().subarray(0, 0x800), /truncated/],
    ['a 32-bit program', makeElf({ elfClass: 1 }), /32-bit/],
    ['a program for another processor', makeElf({ machine: 183 }), /another processor/],
    ['an object file', makeElf({ type: 1 }), /no program/],
    ['no program headers', makeElf({ phnum: 0 }), /0 program headers/],
    ['too many program headers', makeElf({ phnum: 0xffff }), /65535 program headers/],
    ['program headers of a wrong size', makeElf({ phentsize: 32 }), /wrong size/],
    ['no segment to load', makeElf({ segments: [{ type: 4 }] }), /no loadable segment/],
    ['a file part larger than memory', makeElf(seg({ memorySize: 1 })), /larger in the file/],
    ['a segment beyond memory', makeElf(seg({ vaddr: TOP - 0xfff })), /beyond the address space/],
    ['a segment of a wild address', makeElf(seg({ vaddr: big })), /beyond the address space/],
    ['a segment of a wild size', makeElf(seg({ memorySize: big })), /beyond the address space/],
    ['a sum that overflows', makeElf(seg({ vaddr: 0x1000, memorySize: 2n ** 64n - 1n })), /beyond/],
    ['a wild offset', makeElf(seg({ offset: big })), /truncated/],
    ['an offset out of step', makeElf(seg({ offset: 0x123 })), /not aligned/],
    ['a segment at address 0', makeElf(seg({ vaddr: 0 })), /cannot be mapped/],
    ['a wild entry', makeElf({ entry: 2n ** 64n - 1n }), /entry is no address/],
    [
      'overlapping segments',
      makeElf({ segments: [TEXT, { ...TEXT, vaddr: 0x400800, offset: 0x800, fileSize: 0x10 }] }),
      /overlap/,
    ],
    ['an interpreter without an end', makeElf({ interpreter: 'x'.repeat(5000) }), /wrong length/],
  ])('%s is ENOEXEC or as Linux has it, and says why', (_name, file, message) => {
    const error = failure({ '/prog': file });
    expect(error.message).toMatch(message);
    expect(error.exitStatus).toBe(126);
  });

  it('asks for more memory than there is', () => {
    const error = failure({ '/prog': makeElf(seg({ flags: 6, memorySize: 2 ** 40 })) });
    expect(error.errno).toBe(Errno.ENOMEM);
  });

  it('misses its interpreter', () => {
    const error = failure({ '/prog': makeElf({ interpreter: '/lib/ld.so' }) });
    expect(error).toMatchObject({ errno: Errno.ENOENT, exitStatus: 127 });
    expect(error.message).toContain('/lib/ld.so');
  });

  it('has an interpreter that is none', () => {
    const files = { '/prog': makeElf({ interpreter: '/ld' }), '/ld': Buffer.from('junk') };
    expect(failure(files).errno).toBe(Errno.ELIBBAD);
  });

  it('lies where the stack must be', () => {
    const room = 17 * 2 ** 30;
    const spec = seg({ vaddr: TOP - room, fileSize: 0, memorySize: room });
    const error = failure({ '/prog': makeElf({ ...spec, entry: TOP - room }) });
    expect(error.message).toMatch(/where the stack must be/);
  });
});

describe('a program in memory', () => {
  it('has its bss zeroed and its segments protected', () => {
    const data = {
      type: 1,
      flags: 6,
      offset: 0x1000,
      vaddr: 0x402000,
      fileSize: 0x10,
      memorySize: 0x3000,
    };
    const { mm } = load({ '/prog': makeElf({ segments: [TEXT, data] }) });
    const bytes = new Uint8Array(0x3000);
    expect(mm.copyIn(0x402000, bytes)).toBe(0x3000);
    expect([...bytes.subarray(0, 0x10)]).toEqual(new Array(0x10).fill(0x90));
    expect(bytes.subarray(0x10).every((byte) => byte === 0)).toBe(true);
    expect(mm.copyOut(0x400000, Uint8Array.of(1))).toBe(0);
    expect(
      [...mm.describe()]
        .slice(0, 3)
        .map(({ start, end, access, name }) => [start, end, access, name]),
    ).toEqual([
      [0x400000, 0x401000, 5, '/prog'],
      [0x402000, 0x403000, 3, '/prog'],
      [0x403000, 0x405000, 3, ''],
    ]);
    expect(mm.startBrk).toBeGreaterThanOrEqual(0x405000);
  });

  it('finds its arguments and the auxiliary vector on an aligned stack', () => {
    const interpreter = makeElf({ type: 3, segments: [{ ...TEXT, vaddr: 0 }], entry: 0x40 });
    const program = makeElf({
      type: 3,
      segments: [{ ...TEXT, vaddr: 0 }],
      entry: 0x100,
      interpreter: '/ld',
    });
    const argv = ['prog', 'a b', '\xff\xfe'];
    const env = ['HOME=/', 'X='];
    const { mm, entry, stackPointer } = load({ '/prog': program, '/ld': interpreter }, argv, env);
    expect(stackPointer % 16).toBe(0);
    const [argc, ...rest] = words(mm, stackPointer, 60);
    expect(argc).toBe(3);
    expect(rest.slice(0, 3).map((at) => mm.readCString(at, 100))).toEqual(argv);
    expect(rest[3]).toBe(0);
    expect(rest.slice(4, 6).map((at) => mm.readCString(at, 100))).toEqual(env);
    expect(rest[6]).toBe(0);
    const aux = new Map<number, number>();
    for (let at = 7; rest[at] !== AuxType.Null; at += 2) aux.set(rest[at] ?? -1, rest[at + 1] ?? 0);
    const base = aux.get(AuxType.Base) ?? 0;
    expect(entry).toBe(base + 0x40);
    expect(aux.get(AuxType.Pagesz)).toBe(4096);
    expect(aux.get(AuxType.Phent)).toBe(56);
    expect(aux.get(AuxType.Phnum)).toBe(2);
    expect((aux.get(AuxType.Phdr) ?? 0) - (aux.get(AuxType.Entry) ?? 0)).toBe(0x40 - 0x100);
    expect(aux.get(AuxType.Hwcap)).toBe(0x1234);
    expect(aux.get(AuxType.Uid)).toBe(1000);
    expect(mm.readCString(aux.get(AuxType.Execfn) ?? 0, 100)).toBe('/prog');
    expect(mm.readCString(aux.get(AuxType.Platform) ?? 0, 100)).toBe('x86_64');
    expect(mm.copyIn(aux.get(AuxType.Random) ?? 0, new Uint8Array(16))).toBe(16);
  });

  it('lies elsewhere each time, at the alignment it asks for', () => {
    const align = 2 * 1024 * 1024;
    const file = makeElf({
      type: 3,
      segments: [{ ...TEXT, vaddr: 0, align }],
      entry: 0x100,
      interpreter: '/ld',
    });
    const files = {
      '/prog': file,
      '/ld': makeElf({ type: 3, segments: [{ ...TEXT, vaddr: 0 }], entry: 0 }),
    };
    const bases = Array.from({ length: 4 }, () => load(files).mm.program.startCode);
    expect(new Set(bases).size).toBeGreaterThan(1);
    for (const base of bases) expect(base % align).toBe(0);
  });
});

describe('scripts', () => {
  it('run their interpreter with one argument and their own name', () => {
    const { mm, stackPointer } = load(
      { '/prog': Buffer.from('#! /bin/sh  -e x \nexit'), '/bin/sh': makeElf() },
      ['prog', 'arg'],
    );
    const [argc, ...argv] = words(mm, stackPointer, 6);
    expect(argc).toBe(4);
    expect(argv.slice(0, 4).map((at) => mm.readCString(at, 100))).toEqual([
      '/bin/sh',
      '-e x',
      '/prog',
      'arg',
    ]);
  });

  it('that name one another without end are ELOOP', () => {
    expect(failure({ '/prog': Buffer.from('#!/prog\n') }).errno).toBe(Errno.ELOOP);
  });

  it.each([
    ['#!\n', undefined],
    ['#!   \n', undefined],
    ['#!/bin/sh', { interpreter: '/bin/sh', argument: undefined }],
    [`#!/${'x'.repeat(300)}`.slice(0, 256), undefined],
  ])('%j is parsed', (text, expected) => {
    expect(parseScript(Buffer.from(text))).toEqual(expected);
  });
});

describe('finding and limits', () => {
  it('looks through PATH, and prefers saying that permission is missing', () => {
    const { memory } = makeMm();
    const files = new FakeFiles(memory, { '/b/prog': makeElf() });
    expect(findProgram(files, 'prog', '/a:/b')).toBe('/b/prog');
    expect(findProgram(files, './prog', '/a:/b')).toBe('./prog');
    expect(() => findProgram(files, 'none', '/a:/b')).toThrow(/no such program/);
    expect(() => findProgram(files, '', '/a')).toThrow(ExecError);
    const denied = { openExecutable: (path: string) => (path[1] === 'a' ? -13 : -2) };
    expect(() => findProgram(denied, 'prog', '/a:/b')).toThrow(/permission denied/);
  });

  it('refuses arguments that are too long', () => {
    const stack = 8 * 1024 * 1024;
    expect(() => {
      checkArguments(['x'.repeat(131072)], [], stack);
    }).toThrow(/too long/);
    expect(() => {
      checkArguments(new Array(30).fill('x'.repeat(131000)), [], stack);
    }).toThrow(/list is too long/);
    checkArguments(['x'.repeat(131071)], [], stack);
  });
});

/** What Linux makes of every vector (arch/x86/kernel/traps.c), with those that a 64-bit program cannot raise. */
import { describe, expect, it } from 'vitest';
import { toSiginfo, type FloatingPointStatus } from '../../src/kvm/exception.js';
import { FileFault } from '../../src/kvm/host-file-mappings.js';
import { Access } from '../../src/platform/access.js';
import { Registers, Report } from '../../src/platform/registers.js';

const NO_MEMORY = 0xffffffff;
const RIP = 0x1234n;
const CR2 = 0x5678n;
const TRAP_FLAG = 0x100;

interface Given {
  readonly errorCode?: number;
  readonly rflags?: number;
  readonly faultAddress?: bigint;
  readonly fileFault?: FileFault;
  readonly floatingPoint?: Partial<FloatingPointStatus>;
}

function siginfo(vector: number, given: Given = {}): (number | bigint)[] {
  const floatingPoint = { fcw: 0x37f, fsw: 0, mxcsr: 0x1f80, ...given.floatingPoint };
  const { errorCode = 0, rflags = 0x202, faultAddress = CR2, fileFault } = given;
  const { signo, code, address, access } = toSiginfo(
    {
      vector,
      errorCode,
      faultAddress,
      fileFault,
      rip: RIP,
      rflags,
      floatingPoint: () => floatingPoint,
    },
    NO_MEMORY,
  );
  return [signo, code, address, access];
}

const SIGILL = 4;
const SIGTRAP = 5;
const SIGBUS = 7;
const SIGFPE = 8;
const SIGSEGV = 11;
const SI_KERNEL = 0x80;

describe('an exception is to Linux', () => {
  it.each([
    ['#DE', 0, {}, [SIGFPE, 1, RIP, 0]],
    ['#DB of a single step', 1, { rflags: TRAP_FLAG }, [SIGTRAP, 2, RIP, 0]],
    ['#DB of INT1', 1, {}, [SIGTRAP, 1, RIP, 0]],
    ['#BP', 3, {}, [SIGTRAP, SI_KERNEL, 0n, 0]],
    ['#OF', 4, {}, [SIGSEGV, SI_KERNEL, 0n, 0]],
    ['#BR', 5, {}, [SIGSEGV, SI_KERNEL, 0n, 0]],
    ['#UD', 6, {}, [SIGILL, 2, RIP, 0]],
    ['#TS', 10, { errorCode: 0x18 }, [SIGSEGV, SI_KERNEL, 0n, 0]],
    ['#NP', 11, { errorCode: 0x18 }, [SIGBUS, SI_KERNEL, 0n, 0]],
    ['#SS', 12, {}, [SIGBUS, SI_KERNEL, 0n, 0]],
    ['#GP', 13, {}, [SIGSEGV, SI_KERNEL, 0n, 0]],
    ['#AC', 17, {}, [SIGBUS, 1, 0n, 0]],
  ] as const)('%s', (_name, vector, given, expected) => {
    expect(siginfo(vector, given)).toEqual(expected);
  });

  it.each([
    ['a read of nothing', 4, [SIGSEGV, 1, CR2, Access.Read]],
    ['a write of nothing', 6, [SIGSEGV, 1, CR2, Access.Write]],
    ['a fetch of nothing', 20, [SIGSEGV, 1, CR2, Access.Execute]],
    ['a read that is forbidden', 5, [SIGSEGV, 2, CR2, Access.Read]],
    ['a write that is forbidden', 7, [SIGSEGV, 2, CR2, Access.Write]],
    ['a fetch that is forbidden', 21, [SIGSEGV, 2, CR2, Access.Execute]],
    ['a page that the host has no memory for', NO_MEMORY, [SIGBUS, 2, 0n, 0]],
  ] as const)('#PF of %s', (_name, errorCode, expected) => {
    expect(siginfo(14, { errorCode })).toEqual(expected);
  });

  it('#PF at a mapping of a file, where no entry was found: behind its end, or forbidden', () => {
    expect(siginfo(14, { errorCode: 6, fileFault: FileFault.Absent })).toEqual([SIGBUS, 2, CR2, 2]);
    expect(siginfo(14, { errorCode: 6, fileFault: FileFault.Denied })).toEqual([
      SIGSEGV,
      2,
      CR2,
      2,
    ]);
  });

  it('#PF of the kernel`s half, whatever is mapped there: of nothing', () => {
    const faultAddress = 0xffffffff80000000n;
    expect(siginfo(14, { errorCode: 5, faultAddress })).toEqual([SIGSEGV, 1, faultAddress, 1]);
  });

  it.each([
    [0x01, 7],
    [0x41, 7], // of the stack
    [0x02, 5],
    [0x04, 3],
    [0x08, 4],
    [0x10, 5],
    [0x20, 6],
    [0x3f, 7],
    [0x24, 3],
    [0x00, 0],
  ])('#MF and #XM of flags %i, what first is unmasked: %i', (flags, code) => {
    const expected = [SIGFPE, code, RIP, 0];
    expect(siginfo(16, { floatingPoint: { fcw: 0x340, fsw: flags } })).toEqual(expected);
    expect(siginfo(19, { floatingPoint: { mxcsr: flags & 0x3f } })).toEqual(expected);
    // Those that are masked have raised nothing.
    const masked = { fcw: 0x340 | (flags & 0x3f), fsw: 0x3f, mxcsr: 0x3f | ((flags & 0x3f) << 7) };
    expect(siginfo(16, { floatingPoint: masked })).toEqual(siginfo(19, { floatingPoint: masked }));
  });
});

describe('registers', () => {
  it('tell that a signal may be a CPUID, by the vector alone', () => {
    for (let vector = 0; vector < 32; vector++) {
      const registers = new Registers();
      registers.set(Report.AccessVector, (BigInt(vector) << 32n) | 1n);
      expect(registers.maybeCpuid).toBe(vector === 13);
      expect(registers.signalInfo()).toMatchObject({ access: 1, maybeCpuid: vector === 13 });
    }
  });
});

/** What a handler's context shows of an exception beside its siginfo: the vector and the error code; and on which CPU. */
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Report } from '../../src/platform/registers.js';
import { CODE, DATA, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

const PAGE = 4096;
const AT = 0x40000000;
const MAPERR = 1;
const ACCERR = 2;
const FLOATS = `movl $0x1d80, -8(%rsp)\n ldmxcsr -8(%rsp)\n movw $0x37b, -8(%rsp)\n fldcw -8(%rsp)
  xorps %xmm0, %xmm0\n movl $1, %eax\n cvtsi2ss %eax, %xmm1`;

/** Source, vector, error code. */
const CASES: readonly [string, string, number, number][] = [
  ['an x87 exception', `${FLOATS}\n fldz\n fld1\n fdivp\n fwait`, 16, 0],
  ['an SSE exception', `${FLOATS}\n divss %xmm0, %xmm1`, 19, 0],
  ['an x87 exception, one of SSE masked', `${FLOATS}\n fldz\n fld1\n fdivp\n fld1`, 16, 0],
  [
    'an SSE exception while one of x87 is pending',
    `${FLOATS}\n fldz\n fld1\n fdivp\n divss %xmm0, %xmm1`,
    19,
    0,
  ],
  ['an interrupt', 'int $0x21', 13, 0x10a],
  ['an interrupt with a REX prefix', '.byte 0x48\n int $0x21', 13, 0x10a],
  ['a selector of the kernel', 'movl $0x18, %eax\n movl %eax, %ds', 13, 0x18],
  ['a selector in r9', 'movl $0x1234, %r9d\n movl %r9d, %es', 13, 0x1234],
  [
    'a far return to the kernel',
    'pushq $0x10\n leaq 1f(%rip), %rax\n pushq %rax\n lretq\n1:',
    13,
    0x10,
  ],
  ['a privileged instruction', 'hlt', 13, 0],
  ['a read of nothing', `movq ${AT}, %rax`, 14, 4],
  ['a write of nothing', `movq %rax, ${AT}`, 14, 6],
  ['a write of what is read-only', `movq %rax, ${CODE}`, 14, 7],
  ['a fetch of nothing', `movl $${AT}, %eax\n jmp *%rax`, 14, 0x14],
  ['a fetch of what is not executable', `movl $${DATA}, %eax\n jmp *%rax`, 14, 0x15],
];

/** QEMU's emulator raises no #XM, looks for pending x87 exceptions at WAIT alone, and has error codes of its own. */
const NOT_EMULATED = /SSE|interrupt|far return/;

const details = ({ registers }: Guest): [number, number] => [
  registers.high32(Report.AccessVector),
  registers.high32(Report.CpuErrorCode),
];

describePlatforms('an exception', (platform) => {
  it.each(CASES)('has its vector and error code: %s', (name, source, vector, error) => {
    if (process.env['RINGFENCE_EMULATOR'] === 'tcg' && NOT_EMULATED.test(name)) return;
    using guest = platform.guest(`${source}\n syscall`);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(details(guest), name).toEqual([vector, error]);
  });
});

/** A guest whose code's last bytes are `source`, in a page with `behind` mapped after it, or nothing. */
function atPageEnd(guest: Guest, bytes: readonly number[], behind: number): number {
  const range = guest.allocate(2 * PAGE);
  const page = guest.platform.memory.mapInternal(range, Access.Write)[0];
  page?.set(bytes, PAGE - bytes.length);
  guest.map(guest.space, AT, { start: range.start, end: range.start + PAGE }, 5);
  if (behind !== 0) {
    guest.map(guest.space, AT + PAGE, { start: range.start + PAGE, end: range.end }, behind);
  }
  return AT + PAGE - bytes.length;
}

/** movabs $…, %rax cut off after so many bytes; mov (%rax), %rbx; mov %rbx, (%rax). */
const MOVABS = [0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7];
const LOAD = [0x48, 0x8b, 0x18];
const STORE = [0x48, 0x89, 0x18];
const { Read, Write, Execute } = Access;

describePlatforms('a fault at the start of the page behind the instruction', (platform) => {
  it.each([
    ['a fetch that goes on where nothing is', MOVABS, 0, MAPERR, Execute],
    ['a fetch that goes on behind a prefix', MOVABS.slice(0, 1), 0, MAPERR, Execute],
    ['a fetch that goes on behind the opcode', MOVABS.slice(0, 2), 0, MAPERR, Execute],
    ['a fetch that goes on in what is not executable', MOVABS, Read | Write, ACCERR, Execute],
    ['a load from where nothing is', LOAD, 0, MAPERR, Read],
    ['a store to where nothing is', STORE, 0, MAPERR, Write],
    ['a store to what is read-only', STORE, Read, ACCERR, Write],
  ] as const)('%s', (_name, bytes, behind, code, access) => {
    using guest = platform.guest('nop');
    guest.start(guest.registers, atPageEnd(guest, bytes, behind));
    guest.registers.setNumber(Register.Rax, AT + PAGE);
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.fault()).toEqual({ signo: 11, code, address: AT + PAGE, access });
  });
});

describePlatforms('the number of the CPU', (platform) => {
  it('is one of the platform`s after every kind of switch, and none before', async () => {
    using guest = platform.guest('1: syscall\n jmp 1b', { vcpus: 2 });
    for (const context of [guest.context, guest.platform.newContext()]) {
      expect(context.cpu).toBe(-1);
      guest.run(context);
      expect([0, 1]).toContain(context.cpu);
      await context.switch(guest.space, guest.registers, -1);
      expect([0, 1]).toContain(context.cpu);
    }
  });
});

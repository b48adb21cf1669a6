import { describe, expect, it } from 'vitest';
import type { Step } from '../fake-platform.js';
import { scripted } from '../task/scripted.js';
import { formatBits, OPEN_FLAGS, signalCodeName } from '../../../src/kernel/trace/flag-names.js';
import { quote } from '../../../src/kernel/trace/quote.js';

function call(number: number, ...args: (number | bigint)[]): Step {
  return { call: number, args };
}

async function trace(...steps: Step[]): Promise<string[]> {
  const run = scripted(function* () {
    for (const step of steps) yield step;
  });
  await run.finish();
  return run.lines;
}

describe('a trace', () => {
  it('lines up results, decodes arguments and names errors', async () => {
    expect(
      await trace(
        call(39),
        call(11, 4096, 0),
        call(9, 0, 0, 5, 0x32, 0xffffffff, 0),
        call(228, 1, 0),
        call(62, 1, 0),
        call(14, 0, 0, 0, 4),
      ),
    ).toEqual([
      'getpid()                                = 1',
      'munmap(0x1000, 0)                       = -1 EINVAL (Invalid argument)',
      'mmap(NULL, 0, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = -1 EINVAL (Invalid argument)',
      'clock_gettime(CLOCK_MONOTONIC, NULL)    = -1 EFAULT (Bad address)',
      'kill(1, 0)                              = 0',
      'rt_sigprocmask(SIG_BLOCK, NULL, NULL, 4) = -1 EINVAL (Invalid argument)',
      'exit_group(0)                           = ?',
      '+++ exited with 0 +++',
    ]);
  });

  it('names calls that are not implemented, and those that do not exist', async () => {
    const lines = await trace(call(206, 1, 2, 3, 4, 5, 6), call(0x1ff), call(-1));
    expect(lines.slice(0, 3)).toEqual([
      'io_setup(0x1, 0x2, 0x3, 0x4, 0x5, 0x6)  = -1 ENOSYS (Function not implemented)',
      'syscall_0x1ff(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)',
      'syscall_0xffffffff(0x1, 0x2, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS (Function not implemented)',
    ]);
  });

  it('shows wild pointers as they are', async () => {
    const lines = await trace(
      call(59, 0xffff_ffff_ffff_fff0n, 8, 0),
      call(35, 0x8000_0000_0000_0000n, 0),
    );
    expect(lines.slice(0, 2)).toEqual([
      'execve(0xfffffffffffffff0, 0x8, NULL)   = -1 EFAULT (Bad address)',
      'nanosleep(0x8000000000000000, NULL)     = -1 EFAULT (Bad address)',
    ]);
  });

  it('prints who sent a signal, and what it did', async () => {
    expect((await trace(call(62, 1, 15))).slice(1)).toEqual([
      '--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=1, si_uid=1000} ---',
      '+++ killed by SIGTERM +++',
    ]);
  });
});

describe('words and strings', () => {
  it.each([
    ['plain', '"plain"'],
    ['tab\tnewline\n"\\', String.raw`"tab\tnewline\n\"\\"`],
    ['\0', String.raw`"\0"`],
    ['\x011', String.raw`"\0011"`],
    ['\xff', String.raw`"\377"`],
  ])('%j is quoted', (text, expected) => {
    expect(quote(text)).toBe(expected);
  });

  it('decodes bits and keeps what has no name', () => {
    expect(formatBits(0o2000100, OPEN_FLAGS)).toBe('O_CREAT|O_CLOEXEC');
    expect(formatBits(0x80000000, OPEN_FLAGS)).toBe('0x80000000');
    expect(formatBits(0, OPEN_FLAGS)).toBe('0');
    expect(signalCodeName(11, 2)).toBe('SEGV_ACCERR');
    expect(signalCodeName(11, 0x80)).toBe('SI_KERNEL');
    expect(signalCodeName(10, 0)).toBe('SI_USER');
  });
});

import { expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { busybox } from './busybox.js';
import { readable, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';

const trace = async (...command: readonly string[]): Promise<string[]> =>
  readable(await runGuest(command, { run: ['--trace'] }))
    .stderr.trim()
    .split('\n');

/** What strace says of the same deaths on Linux. */
const SIGNALS = [
  ['null_pointer_read', 'SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL'],
  ['null_pointer_write', 'SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL'],
  ['unmapped_jump', 'SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x10000'],
  ['read_only_write', 'SIGSEGV, si_code=SEGV_ACCERR, si_addr=0x'],
  ['non_executable_jump', 'SIGSEGV, si_code=SEGV_ACCERR, si_addr=0x'],
  ['no_access_read', 'SIGSEGV, si_code=SEGV_ACCERR, si_addr=0x'],
  ['unmapped_after_use', 'SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x'],
  ['behind_user_half', 'SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x7ffffffff000'],
  ['kernel_read', 'SIGSEGV, si_code=SEGV_MAPERR, si_addr=0xffffffff81000000'],
  ['non_canonical_read', 'SIGSEGV, si_code=SI_KERNEL, si_addr=NULL'],
  ['into_vector_13', 'SIGSEGV, si_code=SI_KERNEL, si_addr=NULL'],
  ['divide_by_zero', 'SIGFPE, si_code=FPE_INTDIV, si_addr=0x'],
  ['x87_exception', 'SIGFPE, si_code=FPE_FLTDIV, si_addr=0x'],
  ['sse_exception', 'SIGFPE, si_code=FPE_FLTDIV, si_addr=0x'],
  ['illegal_instruction', 'SIGILL, si_code=ILL_ILLOPN, si_addr=0x'],
  ['breakpoint', 'SIGTRAP, si_code=SI_KERNEL, si_addr=NULL'],
  ['single_step', 'SIGTRAP, si_code=TRAP_TRACE, si_addr=0x'],
  ['alignment_check', 'SIGBUS, si_code=BUS_ADRALN, si_addr=NULL'],
  ['non_canonical_stack', 'SIGBUS, si_code=SI_KERNEL, si_addr=NULL'],
  ['end_of_file', 'SIGBUS, si_code=BUS_ADRERR, si_addr=0x'],
] as const;

describePlatforms('a trace', () => {
  it('shows calls as strace does', async () => {
    const lines = await trace(busybox(), 'echo', 'hi');
    expect(lines[0]).toMatch(/^execve\("\/.*busybox", \[.*"echo", "hi"\], .*\) += 0$/);
    expect(lines).toContainEqual(expect.stringMatching(/^write\(1, "hi\\n", 3\) += 3$/));
    expect(lines.at(-1)).toBe('+++ exited with 0 +++');
  });

  it('shows each call, also one that the guest could answer itself', async () => {
    const lines = await trace(guest('getpid_loop'), '2', '10');
    expect(lines.filter((line) => line.startsWith('getpid()'))).toHaveLength(20);
  });

  it('shows sockets as strace does', async () => {
    const lines = await trace(guest('unix_streams'), '/tmp');
    expect(lines).toContainEqual(
      expect.stringMatching(/^socket\(AF_UNIX, SOCK_RAW\|SOCK_CLOEXEC\|SOCK_NONBLOCK, 1\) += \d+$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^connect\(\d+, \{sa_family=AF_UNIX, sun_path="\/tmp\/socket-1"\}, 16\) = -1 ENOENT/,
      ),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(/^sendto\(\d+, "world", 5, 0, NULL, 0\) += 5$/),
    );
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^setsockopt\(\d+, SOL_SOCKET, SO_RCVTIMEO_OLD, \{tv_sec=0, tv_usec=40000\}, 16\) += 0$/,
      ),
    );
  });

  it('shows what is not implemented', async () => {
    const lines = await trace(guest('registers'), '2');
    expect(lines).toContainEqual(expect.stringMatching(/^syscall_0x3e8\(.* = -1 ENOSYS/));
    expect(lines.at(-1)).toBe('+++ exited with 0 +++');
  });

  it.each(SIGNALS)('shows the siginfo of %s', async (name, info) => {
    const lines = await trace(guest('crash'), name);
    expect(lines.find((line) => line.startsWith('---'))).toContain(`{si_signo=${info}`);
  });
});

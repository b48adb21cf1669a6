/** Signals of x86-64 Linux (signal(7), <asm/signal.h>, <asm-generic/siginfo.h>). */
export const Signo = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** Highest signal number; 32 and up are real-time signals. */
export const SIGNAL_COUNT = 64;
export const SIGRTMIN = 32;

const names = new Map<number, string>(
  Object.entries(Signo).map(([name, number]) => [number, name]),
);

/** As strace(1) writes it: `SIGSEGV`, `SIGRT_3`. */
export function signalName(signo: number): string {
  const name = names.get(signo);
  if (name !== undefined) return name;
  if (signo === SIGRTMIN) return 'SIGRTMIN';
  return signo > SIGRTMIN ? `SIGRT_${String(signo - SIGRTMIN)}` : String(signo);
}

/** `si_code` of siginfo_t. */
export const SiCode = {
  SI_USER: 0,
  SI_KERNEL: 0x80,
  SI_QUEUE: -1,
  SI_TIMER: -2,
  SI_TKILL: -6,
  POLL_IN: 1,
  POLL_OUT: 2,
  POLL_HUP: 6,
  SEGV_MAPERR: 1,
  SEGV_ACCERR: 2,
  BUS_ADRALN: 1,
  BUS_ADRERR: 2,
  FPE_INTDIV: 1,
  ILL_ILLOPN: 2,
  TRAP_BRKPT: 1,
  TRAP_TRACE: 2,
} as const;

/** `sa_flags` of sigaction(2). */
export const SA_NOCLDSTOP = 0x1;
export const SA_NOCLDWAIT = 0x2;
export const SA_SIGINFO = 0x4;
export const SA_RESTORER = 0x04000000;
export const SA_ONSTACK = 0x08000000;
export const SA_RESTART = 0x10000000;
export const SA_NODEFER = 0x40000000;
export const SA_RESETHAND = 0x80000000;

export const SIG_DFL = 0;
export const SIG_IGN = 1;
export const SIG_BLOCK = 0;
export const SIG_UNBLOCK = 1;
export const SIG_SETMASK = 2;

export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
export const SS_AUTODISARM = 0x80000000;
export const MINSIGSTKSZ = 2048;

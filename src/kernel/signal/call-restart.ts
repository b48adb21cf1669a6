/**
 * Calls that a handler set with SA_RESTART lets go on, signal(7), "Interruption of system calls and library
 * functions by signal handlers". The others give EINTR whatever the handler's flags.
 */
const RESTARTABLE: ReadonlySet<number> = new Set([
  0, // read
  1, // write
  2, // open
  16, // ioctl
  17, // pread64
  18, // pwrite64
  19, // readv
  20, // writev
  42, // connect
  43, // accept
  44, // sendto
  45, // recvfrom
  46, // sendmsg
  47, // recvmsg
  61, // wait4
  72, // fcntl: F_SETLKW
  73, // flock
  202, // futex: FUTEX_WAIT
  247, // waitid
  257, // openat
  288, // accept4
  295, // preadv
  296, // pwritev
  318, // getrandom
  437, // openat2
  449, // futex_waitv
]);

/** Whether SA_RESTART applies to the call. */
export function isRestartable(number: number): boolean {
  return RESTARTABLE.has(number);
}

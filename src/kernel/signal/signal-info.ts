/** What a signal carries, siginfo_t of sigaction(2), as far as this kernel produces it. */
export interface SignalInfo {
  readonly signo: number;
  /** `si_code`. */
  readonly code: number;
  /** `si_errno`, which only senders set. */
  readonly errno?: number;
  /** Sender, for SI_USER, SI_TKILL and SI_QUEUE; the child, for SIGCHLD. */
  readonly pid?: number;
  readonly uid?: number;
  /** `si_status` of SIGCHLD: an exit code or a signal. */
  readonly status?: number;
  /** `si_utime` of SIGCHLD, in clock ticks of 1/100 second. */
  readonly userTime?: number;
  /** `si_value` of sigqueue(3) and of timers. */
  readonly value?: bigint;
  /** `si_timerid` and `si_overrun` of timer_create(2). */
  readonly timer?: {
    readonly id: number;
    readonly overrun: number;
    /** Called as the signal is taken: gives the expiries counted until then. */
    readonly onTaken?: () => number;
  };
  /** `si_band` and `si_fd` of SIGIO. */
  readonly poll?: { readonly band: number; readonly fd: number };
  /** `si_addr`, for a fault: any 64 bits. */
  readonly address?: bigint;
  /** Exception vector and error code, for the `trapno` and `err` of a fault's context. */
  readonly vector?: number;
  readonly errorCode?: number;
}

export const SIGINFO_SIZE = 128;

/** Writes siginfo_t at `at`; the bytes there are zero. */
export function encodeSignalInfo(info: SignalInfo, bytes: Buffer, at: number): void {
  bytes.writeInt32LE(info.signo, at);
  bytes.writeInt32LE(info.errno ?? 0, at + 4);
  bytes.writeInt32LE(info.code, at + 8);
  if (info.address !== undefined) {
    bytes.writeBigUInt64LE(info.address, at + 16);
    return;
  }
  if (info.poll !== undefined) {
    bytes.writeBigInt64LE(BigInt(info.poll.band), at + 16);
    bytes.writeInt32LE(info.poll.fd, at + 24);
    return;
  }
  bytes.writeInt32LE(info.timer?.id ?? info.pid ?? 0, at + 16);
  bytes.writeInt32LE(info.timer?.overrun ?? (info.uid ?? 0) | 0, at + 20);
  if (info.value !== undefined) {
    bytes.writeBigUInt64LE(info.value, at + 24);
  } else if (info.status !== undefined) {
    bytes.writeInt32LE(info.status, at + 24);
    bytes.writeBigInt64LE(BigInt(info.userTime ?? 0), at + 32);
  }
}

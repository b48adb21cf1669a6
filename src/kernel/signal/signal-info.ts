/** What a signal carries, siginfo_t of sigaction(2), as far as this kernel produces it. */
export interface SignalInfo {
  readonly signo: number;
  /** `si_code`. */
  readonly code: number;
  /** Sender, for SI_USER and SI_TKILL. */
  readonly pid?: number;
  readonly uid?: number;
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
  bytes.writeInt32LE(info.code, at + 8);
  if (info.address !== undefined) {
    bytes.writeBigUInt64LE(info.address, at + 16);
  } else {
    bytes.writeInt32LE(info.pid ?? 0, at + 16);
    bytes.writeUInt32LE(info.uid ?? 0, at + 20);
  }
}

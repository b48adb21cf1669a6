/** struct signalfd_siginfo, signalfd(2). */
import type { SignalInfo } from './signal-info.js';

export const SIGNALFD_SIGINFO_SIZE = 128;

/** Fills the 128 bytes of `dst`. */
export function encodeSignalFdInfo(info: SignalInfo, dst: Uint8Array): void {
  dst.fill(0);
  const view = new DataView(dst.buffer, dst.byteOffset, dst.byteLength);
  view.setUint32(0, info.signo, true);
  view.setInt32(8, info.code, true);
  view.setUint32(12, info.pid ?? 0, true);
  view.setUint32(16, info.uid ?? 0, true);
  view.setBigUint64(72, info.address ?? 0n, true);
}

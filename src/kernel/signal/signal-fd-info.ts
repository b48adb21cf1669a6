/** struct signalfd_siginfo, signalfd(2). */
import type { SignalInfo } from './signal-info.js';

export const SIGNALFD_SIGINFO_SIZE = 128;

/** Fills the 128 bytes of `dst`. */
export function encodeSignalFdInfo(info: SignalInfo, dst: Uint8Array): void {
  dst.fill(0);
  const view = new DataView(dst.buffer, dst.byteOffset, dst.byteLength);
  const { timer, poll } = info;
  view.setUint32(0, info.signo, true);
  view.setInt32(4, info.errno ?? 0, true);
  view.setInt32(8, info.code, true);
  view.setUint32(12, info.pid ?? 0, true);
  view.setUint32(16, info.uid ?? 0, true);
  view.setInt32(20, poll?.fd ?? 0, true);
  view.setUint32(24, timer?.id ?? 0, true);
  view.setUint32(28, poll?.band ?? 0, true);
  view.setUint32(32, timer?.overrun ?? 0, true);
  view.setInt32(40, info.status ?? 0, true);
  view.setInt32(44, Number(BigInt.asIntN(32, info.value ?? 0n)), true);
  view.setBigUint64(48, info.value ?? 0n, true);
  view.setBigUint64(56, BigInt(info.userTime ?? 0), true);
  view.setBigUint64(72, info.address ?? 0n, true);
}

/** siginfo_t as strace(1) prints it. */
import { SiCode, Signo, signalName } from '../abi/signal.js';
import { CLD } from '../abi/wait.js';
import { SIGINFO_SIZE, type SignalInfo } from '../signal/signal-info.js';
import { filled, formatHex, formatPointer, pointedBytes, type Decoder } from './decoding.js';
import { signalCodeName } from './flag-names.js';

export function formatSignalInfo(info: SignalInfo): string {
  const fields = [
    `si_signo=${signalName(info.signo)}`,
    `si_code=${signalCodeName(info.signo, info.code)}`,
  ];
  if (info.address !== undefined) {
    fields.push(`si_addr=${formatPointer(info.address)}`);
  } else if (info.timer !== undefined) {
    fields.push(`si_timerid=${formatHex(BigInt(info.timer.id))}`);
    fields.push(`si_overrun=${String(info.timer.overrun)}`, ...valueField(info));
  } else if (info.pid !== undefined) {
    fields.push(`si_pid=${String(info.pid)}`, `si_uid=${String(info.uid ?? 0)}`);
    if (info.status !== undefined) fields.push(...childFields(info));
    fields.push(...valueField(info));
  }
  return `{${fields.join(', ')}}`;
}

function valueField({ value }: SignalInfo): string[] {
  if (value === undefined) return [];
  const int = Number(BigInt.asIntN(32, value));
  return [`si_value={int=${String(int)}, ptr=${formatPointer(value)}}`];
}

/** What a SIGCHLD says besides: an exit code, or the signal that did it. */
function childFields({ code, status = 0, userTime = 0 }: SignalInfo): string[] {
  const shown = code === CLD.Exited ? String(status) : signalName(status);
  return [`si_status=${shown}`, `si_utime=${String(userTime)}`, 'si_stime=0'];
}

/** What a program was given; the fields that its code says are there. */
function decode(bytes: Buffer): SignalInfo {
  const [signo, code] = [bytes.readInt32LE(0), bytes.readInt32LE(8)];
  const sender = { signo, code, pid: bytes.readInt32LE(16), uid: bytes.readUInt32LE(20) };
  if (code === SiCode.SI_QUEUE) return { ...sender, value: bytes.readBigUInt64LE(24) };
  if (signo !== Signo.SIGCHLD || code <= 0) return sender;
  const userTime = Number(bytes.readBigInt64LE(32));
  return { ...sender, status: bytes.readInt32LE(24), userTime };
}

const signalInfo: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, SIGINFO_SIZE);
  if (bytes === undefined) return undefined;
  return bytes.readInt32LE(0) === 0 ? '{}' : formatSignalInfo(decode(bytes));
};

export const signalInfoOutput = filled(signalInfo);

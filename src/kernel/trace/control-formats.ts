/** Arguments of fcntl(2), ioctl(2) and prctl(2), whose meaning is in the one before them. */
import { signalName } from '../abi/signal.js';
import {
  formatHex,
  pointedBytes,
  type ArgumentIndex,
  type Decoder,
  type Decoding,
} from './decoding.js';
import { FCNTL_COMMANDS, WHENCE, formatOpenFlags } from './flag-names.js';
import { quote } from './quote.js';

const F = { GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, GETLK: 5, SETOWN: 8, GETOWN: 9 } as const;
const F_OFD_GETLK = 36;
const LOCK_TYPES = ['F_RDLCK', 'F_WRLCK', 'F_UNLCK'];

/** struct flock; one that was asked for also says whose the lock is. */
function lock(decoding: Decoding, withOwner: boolean): string | undefined {
  const bytes = pointedBytes(decoding, 32);
  if (bytes === undefined) return undefined;
  const [type, whence] = [bytes.readInt16LE(0), bytes.readInt16LE(2)];
  const owner = withOwner ? `, l_pid=${String(bytes.readInt32LE(24))}` : '';
  return (
    `{l_type=${LOCK_TYPES[type] ?? String(type)}, l_whence=${WHENCE[whence] ?? String(whence)}, ` +
    `l_start=${bytes.readBigInt64LE(8)}, l_len=${bytes.readBigInt64LE(16)}${owner}}`
  );
}

const fcntlArgument: Decoder = (decoding) => {
  const { args, index, result = -1 } = decoding;
  const command = args.argumentInt(1);
  const name = FCNTL_COMMANDS.get(command) ?? '';
  switch (command) {
    case F.GETFD:
    case F.GETFL:
    case F.GETOWN:
      return null;
    case F.SETFL:
      return formatOpenFlags(args.argumentUint(index));
    case F.SETFD:
      return args.argumentUint(index) === 1 ? 'FD_CLOEXEC' : formatHex(args.argumentBig(index));
    case F.SETOWN:
      return String(args.argumentInt(index));
  }
  if (name.includes('LK')) {
    const isAnswer = (command === F.GETLK || command === F_OFD_GETLK) && result === 0;
    return lock(decoding, isAnswer);
  }
  if (name === 'F_GETPIPE_SZ' || name === 'F_GET_SEALS') return null;
  return name.startsWith('F_DUPFD') || name === 'F_SETPIPE_SZ'
    ? String(args.argumentInt(index))
    : formatHex(args.argumentBig(index));
};

/** Requests that take or give an int, and those that take nothing. */
const INT_GIVEN: ReadonlySet<number> = new Set([0x541b, 0x540f, 0x5429]);
const INT_TAKEN: ReadonlySet<number> = new Set([0x5421, 0x5452, 0x5410]);
const NOTHING: ReadonlySet<number> = new Set([0x5450, 0x5451]);
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;

const ioctlArgument: Decoder = (decoding) => {
  const request = decoding.args.argumentUint(1);
  const worked = (decoding.result ?? -1) >= 0;
  if (NOTHING.has(request)) return null;
  if (INT_TAKEN.has(request) || (worked && INT_GIVEN.has(request))) {
    const bytes = pointedBytes(decoding, 4);
    return bytes && `[${String(bytes.readInt32LE(0))}]`;
  }
  if (request === TIOCSWINSZ || (worked && request === TIOCGWINSZ)) {
    const bytes = pointedBytes(decoding, 8);
    const field = (at: number): string => String(bytes?.readUInt16LE(at));
    return (
      bytes &&
      `{ws_row=${field(0)}, ws_col=${field(2)}, ws_xpixel=${field(4)}, ws_ypixel=${field(6)}}`
    );
  }
  return undefined;
};

const TASK_NAME = 16;
const DUMPABLE = ['SUID_DUMP_DISABLE', 'SUID_DUMP_USER', 'SUID_DUMP_ROOT'];

const rest = ({ args }: Decoding, from: number, to: number, hex: boolean): string =>
  Array.from({ length: to - from + 1 }, (_, position) => {
    const value = args.argumentBig((from + position) as ArgumentIndex);
    return hex ? formatHex(value) : value.toString();
  }).join(', ');

function taskName(decoding: Decoding): string | undefined {
  const text = pointedBytes(decoding, TASK_NAME)?.toString('latin1');
  return text === undefined ? undefined : quote(text.split('\0', 1)[0] ?? '');
}

/** All that follows the option of prctl(2). */
const PRCTL_ARGUMENTS: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [1, ({ args }) => signalName(args.argumentInt(1))],
  [
    2,
    (decoding) => {
      const bytes = decoding.result === 0 ? pointedBytes(decoding, 4) : undefined;
      const signo = bytes?.readInt32LE(0);
      return signo === undefined ? undefined : `[${signo === 0 ? '0' : signalName(signo)}]`;
    },
  ],
  [3, () => null],
  [4, ({ args }) => DUMPABLE[args.argumentInt(1)] ?? formatHex(args.argumentBig(1))],
  [15, taskName],
  [16, (decoding) => (decoding.result === 0 ? taskName(decoding) : undefined)],
  [21, () => null],
  [23, ({ args }) => CAPABILITIES[args.argumentInt(1)] ?? formatHex(args.argumentBig(1))],
  [24, ({ args }) => CAPABILITIES[args.argumentInt(1)] ?? formatHex(args.argumentBig(1))],
  [36, (decoding) => rest(decoding, 1, 1, false)],
  [38, (decoding) => rest(decoding, 1, 4, false)],
  [39, (decoding) => rest(decoding, 1, 4, false)],
]);

const CAPABILITIES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO ' +
  'SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME ' +
  'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG ' +
  'WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

const prctlArguments: Decoder = (decoding) => {
  const decode = PRCTL_ARGUMENTS.get(decoding.args.argumentInt(0));
  return decode === undefined ? rest(decoding, 1, 4, true) : decode(decoding);
};

/** Decoded behind the call, which may have filled in what they point to. */
export const controlOutputFormats = {
  'fcntl-argument': fcntlArgument,
  'ioctl-argument': ioctlArgument,
  'prctl-arguments': prctlArguments,
} satisfies Record<string, Decoder>;

/** What a result means besides its number. */
export const controlNotes = {
  fcntl: ({ args, result = -1 }: Decoding): string | undefined => {
    const command = args.argumentInt(1);
    if (result > 0 && command === F.GETFD) return 'flags FD_CLOEXEC';
    return result >= 0 && command === F.GETFL ? `flags ${formatOpenFlags(result)}` : undefined;
  },
  prctl: ({ args, result = -1 }: Decoding): string | undefined =>
    args.argumentInt(0) === 3 ? DUMPABLE[result] : undefined,
};

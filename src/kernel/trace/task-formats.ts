/** Arguments of the calls that make, await and describe tasks. */
import { Register } from '../../platform/registers.js';
import { signalName } from '../abi/signal.js';
import { CLONE } from '../abi/clone.js';
import { readWord } from '../abi/word.js';
import {
  filled,
  formatHex,
  formatPointer,
  pointedBytes,
  type Decoder,
  type Decoding,
} from './decoding.js';
import { CLONE_FLAGS, formatBits, type NamedBit } from './flag-names.js';
import { signalInfoOutput } from './signal-info-format.js';
import { formatSignals } from './structure-formats.js';

const TWO_32 = 2 ** 32;
/** Offset of uc_sigmask in struct ucontext, which a handler's return leaves at the stack pointer. */
const UCONTEXT_MASK = 296;
const CORE_FLAG = 0x80;
const STOPPED = 0x7f;
const CONTINUED = 0xffff;

const has = (flags: number, flag: number): boolean => ((flags % TWO_32) & flag) !== 0;

/** The exit signal lies in the lowest byte. */
export function formatCloneFlags(value: number): string {
  const [flags, signal] = [(value & ~0xff) >>> 0, value & 0xff];
  if (signal === 0) return formatBits(flags, CLONE_FLAGS);
  return flags === 0
    ? signalName(signal)
    : `${formatBits(flags, CLONE_FLAGS)}|${signalName(signal)}`;
}

const cloneBegin: Decoder = ({ args }) =>
  `child_stack=${formatPointer(args.argumentBig(1))}, flags=${formatCloneFlags(args.argumentUint(0))}`;

/** The arguments that the flags make use of; `null` for none. */
const cloneRest: Decoder = ({ mm, args, result = -1 }) => {
  const flags = args.argumentUint(0);
  const parts: string[] = [];
  if (has(flags, CLONE.PARENT_SETTID)) {
    const tid = Buffer.alloc(4);
    const known = result >= 0 && mm.read(args.argument(2), tid);
    const shown = known ? `[${String(tid.readInt32LE(0))}]` : formatPointer(args.argumentBig(2));
    parts.push(`parent_tid=${shown}`);
  }
  if (has(flags, CLONE.SETTLS)) parts.push(`tls=${formatPointer(args.argumentBig(4))}`);
  if (has(flags, CLONE.CHILD_SETTID) || has(flags, CLONE.CHILD_CLEARTID)) {
    parts.push(`child_tidptr=${formatPointer(args.argumentBig(3))}`);
  }
  return parts.length === 0 ? null : parts.join(', ');
};

/** struct clone_args of clone3(2), and what Linux filled in. */
const clone3: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 64);
  if (bytes === undefined) return undefined;
  const word = (index: number): bigint => bytes.readBigUInt64LE(index * 8);
  const flags = readWord(bytes, 0) % TWO_32;
  const parts = [`flags=${formatBits(flags, CLONE_FLAGS)}`];
  if (has(flags, CLONE.PIDFD)) parts.push(`pidfd=${formatPointer(word(1))}`);
  if (has(flags, CLONE.CHILD_SETTID) || has(flags, CLONE.CHILD_CLEARTID)) {
    parts.push(`child_tid=${formatPointer(word(2))}`);
  }
  if (has(flags, CLONE.PARENT_SETTID)) parts.push(`parent_tid=${formatPointer(word(3))}`);
  const signal = bytes.readInt32LE(32);
  parts.push(`exit_signal=${signal === 0 ? '0' : signalName(signal)}`);
  parts.push(`stack=${formatPointer(word(5))}`, `stack_size=${formatHex(word(6))}`);
  if (has(flags, CLONE.SETTLS)) parts.push(`tls=${formatPointer(word(7))}`);
  return `{${parts.join(', ')}}${clone3Results(decoding, bytes, flags)}`;
};

function clone3Results({ mm, result = -1 }: Decoding, bytes: Buffer, flags: number): string {
  if (result < 0) return '';
  const int = (at: number): string => {
    const value = Buffer.alloc(4);
    return mm.read(readWord(bytes, at), value) ? `[${String(value.readInt32LE(0))}]` : '?';
  };
  const parts: string[] = [];
  if (has(flags, CLONE.PIDFD)) parts.push(`pidfd=${int(8)}`);
  if (has(flags, CLONE.PARENT_SETTID)) parts.push(`parent_tid=${int(24)}`);
  return parts.length === 0 ? '' : ` => {${parts.join(', ')}}`;
}

function formatStatus(status: number): string {
  if (status === CONTINUED) return 'WIFCONTINUED(s)';
  const low = status & 0xff;
  if (low === STOPPED) {
    return `WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName((status >> 8) & 0xff)}`;
  }
  if (low === 0) return `WIFEXITED(s) && WEXITSTATUS(s) == ${String((status >> 8) & 0xff)}`;
  const dumped = low & CORE_FLAG ? ' && WCOREDUMP(s)' : '';
  return `WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(low & ~CORE_FLAG)}${dumped}`;
}

/** Not filled in where there was nobody to tell of. */
const waitStatus: Decoder = (decoding) => {
  if ((decoding.result ?? 0) <= 0) return undefined;
  const bytes = pointedBytes(decoding, 4);
  return bytes && `[{${formatStatus(bytes.readInt32LE(0))}}]`;
};

const WAIT_OPTIONS: readonly NamedBit[] = [
  [1, 'WNOHANG'],
  [2, 'WSTOPPED'],
  [4, 'WEXITED'],
  [8, 'WCONTINUED'],
  [0x1000000, 'WNOWAIT'],
  [0x20000000, '__WNOTHREAD'],
  [0x40000000, '__WALL'],
  [0x80000000, '__WCLONE'],
];

const usage: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 32);
  const time = (at: number): string =>
    `{tv_sec=${String(bytes?.readBigInt64LE(at))}, tv_usec=${String(bytes?.readBigInt64LE(at + 8))}}`;
  return bytes && `{ru_utime=${time(0)}, ru_stime=${time(16)}, ...}`;
};

/** The mask that a return from a handler puts back. */
const signalFrame: Decoder = ({ mm, args }) => {
  const mask = Buffer.alloc(8);
  if (!mm.read(args.getNumber(Register.Rsp) + UCONTEXT_MASK, mask)) return null;
  return `{mask=${formatSignals(mask.readBigUInt64LE(0))}}`;
};

function processors(decoding: Decoding, length: number): string | undefined {
  const bytes = pointedBytes(decoding, Math.min(Math.max(length, 0), 1024));
  if (bytes === undefined) return undefined;
  const numbers: number[] = [];
  for (let cpu = 0; cpu < bytes.length * 8; cpu++) {
    if (((bytes[cpu >> 3] ?? 0) >> (cpu & 7)) & 1) numbers.push(cpu);
  }
  return `[${numbers.join(' ')}]`;
}

const ints =
  (count: number): Decoder =>
  (decoding) => {
    const bytes = pointedBytes(decoding, count * 4);
    const shown =
      bytes && Array.from({ length: count }, (_, i) => String(bytes.readInt32LE(i * 4)));
    return shown && `[${shown.join(', ')}]`;
  };

const alternateStack: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 24);
  if (bytes === undefined) return undefined;
  const flags = formatBits(bytes.readUInt32LE(8), [
    [1, 'SS_ONSTACK'],
    [2, 'SS_DISABLE'],
    [0x80000000, 'SS_AUTODISARM'],
  ]);
  const base = formatPointer(bytes.readBigUInt64LE(0));
  return `{ss_sp=${base}, ss_flags=${flags}, ss_size=${String(readWord(bytes, 16))}}`;
};

export const taskFormats = {
  'clone-begin': cloneBegin,
  'wait-options': ({ args, index }) => formatBits(args.argumentUint(index), WAIT_OPTIONS),
  'signal-frame': signalFrame,
  processors: (decoding) => processors(decoding, decoding.args.argumentInt(1)),
  'int-in': ints(1),
  'alternate-stack': alternateStack,
} satisfies Record<string, Decoder>;

export const taskOutputFormats = {
  'clone-rest': cloneRest,
  'clone3-out': clone3,
  'wait-status-out': waitStatus,
  'siginfo-out': signalInfoOutput,
  'usage-out': filled((decoding) => usage(decoding)),
  'processors-out': filled((decoding) => processors(decoding, decoding.result ?? 0)),
  'int-out': filled(ints(1)),
  'alternate-stack-out': filled(alternateStack),
} satisfies Record<string, Decoder>;

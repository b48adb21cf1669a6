/** Arguments that point to something: strings, buffers, structures. */
import { deviceMajor, deviceMinor, Mode } from '../abi/stat.js';
import { SA_RESTORER, signalName } from '../abi/signal.js';
import { readWord } from '../abi/word.js';
import {
  filled,
  following,
  formatHex,
  formatPointer,
  pointedBytes,
  type Decoder,
  type Decoding,
} from './decoding.js';
import {
  FILE_TYPES,
  SIGACTION_FLAGS,
  STATX_ATTRIBUTES,
  STATX_MASK,
  formatBits,
} from './flag-names.js';
import { quote } from './quote.js';

const PATH_MAX = 4096;
/** Variables of an environment that are counted. */
const MOST_VARIABLES = 10_000;
const RLIM_INFINITY = 0xffffffffffffffffn;
const IOV_MAX = 1024;
const UTSNAME_FIELD = 65;
const UTSNAME_FIELDS = ['sysname', 'nodename', 'release', 'version', 'machine', 'domainname'];
const DIRENT_RECLEN = 16;

const path: Decoder = ({ mm, args, index }) => {
  if (args.argument(index) === 0) return undefined;
  const text = mm.readCString(args.argument(index), PATH_MAX);
  return typeof text === 'number' ? undefined : quote(text);
};

function buffer(decoding: Decoding, address: number, length: number): string | undefined {
  const { mm, stringLimit } = decoding;
  const bytes = Buffer.alloc(Math.min(length, stringLimit));
  if (address === 0 || !mm.read(address, bytes)) return undefined;
  return quote(bytes.toString('latin1'), length > stringLimit);
}

/** Arguments as execve(2) takes them. */
export function formatList(strings: readonly string[], limit: number): string {
  const shown = strings
    .slice(0, limit)
    .map((text) => quote(text.slice(0, limit), text.length > limit));
  if (strings.length > limit) shown.push('...');
  return `[${shown.join(', ')}]`;
}

/** Strings of a NULL-terminated array, at most `most`; `undefined` where it cannot be read. */
function readStrings({ mm, args, index }: Decoding, most: number): string[] | undefined {
  const strings: string[] = [];
  const pointer = Buffer.alloc(8);
  if (args.argument(index) === 0) return undefined;
  for (let at = args.argument(index); strings.length <= most; at += 8) {
    if (!mm.read(at, pointer)) return undefined;
    const target = readWord(pointer, 0);
    if (target === 0) break;
    const text = mm.readCString(target, PATH_MAX);
    strings.push(typeof text === 'number' ? '?' : text);
  }
  return strings;
}

const stringArray: Decoder = (decoding) => {
  const strings = readStrings(decoding, decoding.stringLimit);
  return strings && formatList(strings, decoding.stringLimit);
};

/** Only how many there are. */
const environment: Decoder = ({ mm, args, index }) => {
  const start = args.argument(index);
  const pointer = Buffer.alloc(8);
  if (start === 0) return undefined;
  let count = 0;
  for (; count < MOST_VARIABLES; count++) {
    if (!mm.read(start + count * 8, pointer)) return undefined;
    if (readWord(pointer, 0) === 0) break;
  }
  const plural = count === 1 ? '' : 's';
  return `${formatPointer(args.argumentBig(index))} /* ${String(count)} var${plural} */`;
};

/** struct iovec; `limit` is how many bytes of them all hold something. */
function vector(decoding: Decoding, limit: number): string | undefined {
  const count = decoding.args.argumentInt(following(decoding.index));
  if (count < 0 || count > IOV_MAX) return undefined;
  const shown = Math.min(count, decoding.stringLimit);
  const bytes = pointedBytes(decoding, shown * 16);
  if (bytes === undefined) return undefined;
  const parts: string[] = [];
  let left = limit;
  for (let at = 0; at < bytes.length; at += 16) {
    const length = readWord(bytes, at + 8);
    const held = Math.min(length, left);
    left -= held;
    const base = buffer(decoding, readWord(bytes, at), held) ?? 'NULL';
    parts.push(`{iov_base=${base}, iov_len=${bytes.readBigUInt64LE(at + 8)}}`);
  }
  if (count > shown) parts.push('...');
  return `[${parts.join(', ')}]`;
}

export function formatFileMode(mode: number): string {
  const type = FILE_TYPES.get(mode & Mode.S_IFMT);
  const rest = `0${(mode & (type === undefined ? 0xffff : 0o7777)).toString(8)}`;
  return type === undefined ? rest : `${type}|${rest}`;
}

/** Devices have a number where others have a size. */
function extent(mode: number, prefix: string, device: () => string, size: () => bigint): string {
  const isDevice = (mode & Mode.S_IFMT) === Mode.S_IFCHR || (mode & Mode.S_IFMT) === Mode.S_IFBLK;
  return isDevice ? device() : `${prefix}_size=${size()}`;
}

/** struct stat: st_mode at 24, st_rdev at 40, st_size at 48. */
const stat: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 144);
  if (bytes === undefined) return undefined;
  const mode = bytes.readUInt32LE(24);
  const device = Number(bytes.readBigUInt64LE(40) & 0xffffffffn);
  const rest = extent(
    mode,
    'st',
    () =>
      `st_rdev=makedev(${formatNumber(deviceMajor(device))}, ${formatNumber(deviceMinor(device))})`,
    () => bytes.readBigInt64LE(48),
  );
  return `{st_mode=${formatFileMode(mode)}, ${rest}, ...}`;
};

/** struct statx: stx_mask at 0, stx_attributes at 8, stx_mode at 28, stx_size at 40. */
const statx: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 256);
  if (bytes === undefined) return undefined;
  const mode = bytes.readUInt16LE(28);
  return (
    `{stx_mask=${formatBits(bytes.readUInt32LE(0), STATX_MASK)}, ` +
    `stx_attributes=${formatBits(bytes.readUInt32LE(8), STATX_ATTRIBUTES)}, stx_mode=${formatFileMode(mode)}, ` +
    `stx_size=${bytes.readBigUInt64LE(40)}, ...}`
  );
};

function formatNumber(value: number): string {
  return formatHex(BigInt(value));
}

function limit(value: bigint): string {
  if (value === RLIM_INFINITY) return 'RLIM64_INFINITY';
  return value > 1024n && value % 1024n === 0n ? `${value / 1024n}*1024` : value.toString();
}

const rlimit: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 16);
  return (
    bytes &&
    `{rlim_cur=${limit(bytes.readBigUInt64LE(0))}, rlim_max=${limit(bytes.readBigUInt64LE(8))}}`
  );
};

export function formatSignals(mask: bigint): string {
  const all = Array.from({ length: 64 }, (_, i) => i + 1);
  const inverted = all.filter((signo) => mask & (1n << BigInt(signo - 1))).length > 42;
  const shown = all.filter((signo) => ((mask >> BigInt(signo - 1)) & 1n) === (inverted ? 0n : 1n));
  return `${inverted ? '~' : ''}[${shown.map((signo) => signalName(signo).slice(3)).join(' ')}]`;
}

const signalSet: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 8);
  return bytes && formatSignals(bytes.readBigUInt64LE(0));
};

/** The kernel's struct sigaction: handler, flags, restorer, mask. */
const sigaction: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 32);
  if (bytes === undefined) return undefined;
  const handler = bytes.readBigUInt64LE(0);
  const flags = bytes.readUInt32LE(8);
  const name = handler === 0n ? 'SIG_DFL' : handler === 1n ? 'SIG_IGN' : formatHex(handler);
  const restorer =
    flags & SA_RESTORER ? `, sa_restorer=${formatPointer(bytes.readBigUInt64LE(16))}` : '';
  return (
    `{sa_handler=${name}, sa_mask=${formatSignals(bytes.readBigUInt64LE(24))}, ` +
    `sa_flags=${formatBits(flags, SIGACTION_FLAGS)}${restorer}}`
  );
};

const entries: Decoder = (decoding) => {
  const length = decoding.result ?? 0;
  const bytes = length > 0 ? pointedBytes(decoding, length) : Buffer.alloc(0);
  if (bytes === undefined) return undefined;
  let count = 0;
  for (let at = 0; at + DIRENT_RECLEN < bytes.length; count++) {
    at += Math.max(1, bytes.readUInt16LE(at + DIRENT_RECLEN));
  }
  const pointer = formatPointer(decoding.args.argumentBig(decoding.index));
  return `${pointer} /* ${String(count)} entries */`;
};

/** The result is its length with the NUL behind it. */
const returnedPath: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, (decoding.result ?? 0) - 1);
  return bytes && quote(bytes.toString('latin1'));
};

const utsname: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, UTSNAME_FIELD * UTSNAME_FIELDS.length);
  if (bytes === undefined) return undefined;
  const field = (at: number): string => {
    const text = bytes.toString('latin1', at * UTSNAME_FIELD, (at + 1) * UTSNAME_FIELD);
    return `${UTSNAME_FIELDS[at] ?? ''}=${quote(text.slice(0, text.indexOf('\0')))}`;
  };
  return `{${field(0)}, ${field(1)}, ...}`;
};

/** Random bytes, in hexadecimal from the first to the last. */
const randomBytes: Decoder = (decoding) => {
  const length = decoding.result ?? 0;
  const { stringLimit } = decoding;
  const bytes = pointedBytes(decoding, Math.min(length, stringLimit));
  const hex = bytes && [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`);
  return hex && `"${hex.join('')}"${length > stringLimit ? '...' : ''}`;
};

const descriptors: Decoder = (decoding) => {
  const bytes = pointedBytes(decoding, 8);
  return bytes && `[${String(bytes.readInt32LE(0))}, ${String(bytes.readInt32LE(4))}]`;
};

export const structureFormats = {
  path,
  'buffer-in': (decoding) =>
    buffer(
      decoding,
      decoding.args.argument(decoding.index),
      decoding.args.argument(following(decoding.index)),
    ),
  'string-array': stringArray,
  environment,
  'vector-in': (decoding) => vector(decoding, Infinity),
  rlimit,
  'signal-set': signalSet,
  sigaction,
} satisfies Record<string, Decoder>;

/** What a call fills in: printed once it has succeeded. */
export const outputFormats = {
  'buffer-out': filled((decoding) =>
    buffer(decoding, decoding.args.argument(decoding.index), decoding.result ?? 0),
  ),
  'vector-out': filled((decoding) => vector(decoding, decoding.result ?? 0)),
  'stat-out': filled(stat),
  'statx-out': filled(statx),
  'rlimit-out': filled(rlimit),
  'signal-set-out': filled(signalSet),
  'sigaction-out': filled(sigaction),
  'entries-out': filled(entries),
  'path-out': filled(returnedPath),
  'utsname-out': filled(utsname),
  'random-out': filled(randomBytes),
  'descriptors-out': filled(descriptors),
} satisfies Record<string, Decoder>;
